import math

import pytest
from looks_coverage import DAYS, families_with_a_verdict, lone_found, watched

from models.campaign.many_looks import always_valid, holm

NAN = math.nan


def test_holm_multiplies_the_smallest_by_all_the_next_by_one_less_and_never_falls() -> None:
    # The example of R's p.adjust(c(.01, .04, .03, .005), "holm").
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_equal_p_values_are_adjusted_alike() -> None:
    assert holm([0.02, 0.02, 0.5]) == pytest.approx([0.06, 0.06, 0.5])


def test_adjusted_p_values_are_at_most_one() -> None:
    assert holm([0.9, 0.6]) == pytest.approx([1.0, 1.0])


def test_a_segment_without_p_value_is_no_member_of_the_family() -> None:
    assert holm([NAN, 0.02, NAN, 0.04]) == pytest.approx([NAN, 0.04, NAN, 0.04], nan_ok=True)


@pytest.mark.parametrize("values", [[], [NAN], [0.03]])
def test_a_family_of_one_or_none_stays_as_it_is(values: list[float]) -> None:
    assert holm(values) == pytest.approx(values, nan_ok=True)


@pytest.mark.parametrize(("treated_share", "log_sd"), [(0.5, 0.6), (0.9, 1.3)])
def test_hardly_any_family_of_segments_without_effect_says_something(treated_share: float, log_sd: float) -> None:
    assert families_with_a_verdict(300, 6, treated_share, log_sd) < 0.09


def test_a_lone_segment_of_five_standard_errors_is_found_among_twenty() -> None:
    assert lone_found(500, 20) > 0.9


def test_an_always_valid_interval_is_half_as_wide_again_at_the_end() -> None:
    low, high = always_valid(2.0, 4.0, 4.0)
    assert (low + high) / 2 == pytest.approx(2.0)
    assert (high - low) / 2 == pytest.approx(1.549 * 1.96 * 2, rel=1e-3)


def test_an_always_valid_interval_is_narrowest_at_the_end_by_standard_errors() -> None:
    widths = [always_valid(0.0, 1.0, share)[1] for share in (0.04, 0.25, 0.5, 0.9, 1.0, 1.1, 2.0)]
    assert min(widths) == widths[4]


@pytest.mark.parametrize("variances", [(0.0, 1.0), (1.0, 0.0), (NAN, 1.0), (1.0, NAN)])
def test_an_always_valid_interval_waits_for_a_variance(variances: tuple[float, float]) -> None:
    assert all(map(math.isnan, always_valid(1.0, *variances)))


@pytest.mark.parametrize("entering", [False, True])
@pytest.mark.parametrize(("treated_share", "log_sd"), [(0.5, 0.6), (0.9, 1.3)])
def test_a_campaign_without_effect_raises_no_alarm_on_28_days(
    treated_share: float, log_sd: float, entering: bool
) -> None:
    found = watched(200, 30, treated_share, log_sd, entering=entering)
    assert found.false < 0.075  # at most 5 %, and 1.5 standard errors of 200 campaigns
    assert found.fixed > 0.1
    assert found.width_at_end < 1.6
    assert DAYS == 28

import numpy as np
import pandas as pd
import pytest
from campaign_sums import campaign, outcome
from scipy import stats

from models.campaign.randomisation import randomisations, size_p_value


def sizes(*strata: tuple[float | None, int, int]) -> pd.DataFrame:
    """Of share of control, treated and control customers."""
    rows = [
        {"arm": arm, "stratum": str(share), "control_share": share, "customers": n, "pending_customers": 0}
        for share, treated, control in strata
        for arm, n in (("treated", treated), ("control", control))
    ]
    return pd.DataFrame(rows).astype({"control_share": float})


@pytest.mark.parametrize(("treated", "control"), [(900, 100), (4500, 430), (60, 1), (50, 14)])
def test_p_of_the_sizes_is_nearly_that_of_the_binomial(treated: int, control: int) -> None:
    n = treated + control
    tails = stats.binom.cdf(control, n, 0.1), stats.binom.sf(control - 1, n, 0.1)
    assert size_p_value(sizes((0.1, treated, control))) == pytest.approx(min(2 * min(tails), 1), rel=0.2, abs=1e-4)


def test_deviations_of_strata_add_up_with_their_signs() -> None:
    assert size_p_value(sizes((0.1, 880, 120), (0.5, 520, 480))) == pytest.approx(1.0, abs=0.05)
    assert size_p_value(sizes((0.1, 920, 80), (0.5, 540, 460))) < 0.01


def test_pending_customers_count_and_unknown_shares_do_not() -> None:
    rows = sizes((None, 10, 90), (0.5, 400, 300))
    rows.loc[rows["arm"] == "control", "pending_customers"] = [0, 100]
    assert size_p_value(rows) == pytest.approx(1.0)
    assert np.isnan(size_p_value(sizes((None, 10, 90))))
    assert np.isnan(size_p_value(sizes((0.0, 10, 0))))


def test_sound_assignments_hardly_ever_count_as_damaged() -> None:
    random = np.random.default_rng(7)
    found = [
        size_p_value(sizes(*((share, n - c, c) for (share, n), c in zip(strata, drawn, strict=True)))) < 0.001
        for strata in (((0.1, 40),), ((0.1, 5000),), ((0.1, 300), (0.5, 200), (0.2, 90)))
        for drawn in random.binomial([n for _, n in strata], [s for s, _ in strata], (1000, len(strata)))
    ]
    assert sum(found) <= 12  # .001 of 3,000 is 3


def test_a_fifth_of_control_lost_among_five_thousand_is_found_over_twelve_months() -> None:
    random = np.random.default_rng(8)
    found = []
    for _ in range(300):
        n = random.multinomial(5000, [1 / 12] * 12)
        control = random.binomial(n, 0.1)
        kept = random.binomial(control, 0.8)
        found.append(size_p_value(sizes(*((0.1, t, c) for t, c in zip(n - control, kept, strict=True)))) < 0.001)
    assert np.mean(found) > 0.75


def judged(treated: np.ndarray, control: np.ndarray, share: float | None) -> bool:
    rows = [
        outcome(arm, "orders_per_customer", np.ones(len(before)), before, control_share=share, stratum=str(share))
        for arm, before in (("treated", treated), ("control", control))
    ]
    return randomisations(campaign(rows))["c"].is_damaged


def test_arms_that_ordered_unlike_before_are_damaged_whether_or_not_the_share_is_known() -> None:
    random = np.random.default_rng(9)
    treated, control = random.poisson(1.8, 900), random.poisson(1.0, 200)
    assert judged(treated, control, None)
    assert judged(treated, control, 0.1)
    assert not judged(random.poisson(1.0, 900), control, None)


def test_without_orders_before_or_without_control_balance_is_unknown() -> None:
    rows = [outcome("treated", "orders_per_customer", np.ones(50), np.arange(50))]
    assert np.isnan(randomisations(campaign(rows))["c"].balance_p_value)
    rows = [outcome(arm, "orders_per_customer", np.ones(50)) for arm in ("treated", "control")]
    assert np.isnan(randomisations(campaign(rows))["c"].balance_p_value)

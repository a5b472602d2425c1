import numpy as np
import pytest
from effect_coverage import DENSE, SPARSE, Shop, coverage, explained
from scipy import stats

from models.campaign.difference import Arm, MeanDifference, pearson_quantile, pearson_tails, rate_difference


def ends(treated: np.ndarray, control: np.ndarray) -> tuple[float, float]:
    low, high = MeanDifference(Arm.of([treated]), Arm.of([control])).interval()
    return float(low[0]), float(high[0])


def test_arms_alike_in_size_whose_spend_is_hardly_skewed_have_nearly_welchs_interval() -> None:
    random = np.random.default_rng(1)
    treated, control = (random.gamma(50, 1, 2000) for _ in range(2))
    welch = stats.ttest_ind(treated, control, equal_var=False).confidence_interval(0.95)
    assert ends(treated, control) == pytest.approx((welch.low, welch.high), rel=0.03)


@pytest.mark.parametrize("skewness", [-3.0, -0.5, 1e-4, 0.7, 2.0, 8.0])
@pytest.mark.parametrize("share", [0.025, 0.5, 0.975])
def test_quantiles_are_of_a_pearson_iii_and_tails_their_inverse(share: float, skewness: float) -> None:
    value = pearson_quantile(share, skewness)
    assert value == pytest.approx(stats.pearson3.ppf(share, skewness), rel=1e-6, abs=1e-6)
    if abs(skewness) < 8:  # there the quantile itself has lost the digits
        below, above = pearson_tails(value, np.asarray(skewness))
        assert (float(below), float(above)) == pytest.approx((share, 1 - share), abs=1e-6)


def test_an_end_of_the_interval_is_where_the_tests_p_is_five_percent() -> None:
    random = np.random.default_rng(3)
    treated, control = ([random.gamma(0.1, 30, n) for _ in range(50)] for n in (900, 200))
    difference = MeanDifference(Arm.of(treated), Arm.of(control))
    for end in difference.interval():
        assert difference.p_value(end) == pytest.approx(np.full(50, 0.05), rel=1e-6)


def test_a_wider_coverage_is_asked_for_by_comparison() -> None:
    random = np.random.default_rng(3)
    treated, control = ([random.gamma(0.1, 30, n)] * 2 for n in (900, 200))
    low, high = MeanDifference(Arm.of(treated), Arm.of(control)).interval(np.array([0.95, 0.99]))
    assert low[1] < low[0] < high[0] < high[1]


@pytest.mark.parametrize(
    ("buyers", "log_sd", "lift", "rate"),
    [(50, 1.3, 0.0, SPARSE), (50, 1.3, 0.2, SPARSE), (100, 0.6, 0.2, SPARSE), (50, 0.6, 0.2, DENSE)],
    ids=str,
)
def test_the_truth_is_in_the_interval_of_a_small_control_arm_as_often_as_it_says(
    buyers: int, log_sd: float, lift: float, rate: float
) -> None:
    """90/10, as shipped; a short form of `make verify`. Welch's interval lies above the truth in up to 9 %."""
    campaigns = 1000
    above, below, width, _ = coverage(campaigns, Shop(rate, log_sd), buyers, 0.9, lift)
    error = np.sqrt(0.025 * 0.975 / campaigns)
    assert abs(above - 0.025) < 4 * error
    assert abs(below - 0.025) < 4 * error
    assert width < 1.25


def test_an_adjusted_interval_holds_as_often_and_is_narrower_by_what_the_pre_period_explains() -> None:
    shop, campaigns = Shop(2.0, 0.6, 0.8), 600
    above, below, _, width = coverage(campaigns, shop, 250, 0.9, 0.0)
    error = np.sqrt(0.025 * 0.975 / campaigns)
    assert max(abs(above - 0.025), abs(below - 0.025)) < 4 * error
    assert width == pytest.approx(np.sqrt(1 - explained(shop, 200_000)), abs=0.02)


def test_strata_are_compared_apart_and_weighed_by_their_treated() -> None:
    """The share of control rises from .1 to .5 while everybody buys twice as much: pooled arms would differ by 4."""

    def arm(sizes: tuple[int, int]) -> Arm:
        n = np.array([sizes], float)
        mean = np.array([[10.0, 20.0]])
        return Arm(n, mean, np.full((1, 2), 9.0), np.full((1, 2), 20.0), mean)

    difference = MeanDifference(arm((900, 500)), arm((100, 500)))
    assert difference.weights == pytest.approx(np.array([[900, 500]]) / 1400)
    assert difference.effect == pytest.approx([0.0])
    low, high = difference.interval()
    error = np.sqrt(9 * ((900 / 1400) ** 2 * (1 / 900 + 1 / 100) + (500 / 1400) ** 2 * (1 / 500 + 1 / 500)))
    assert (low[0], high[0]) == pytest.approx((-1.96 * error, 1.96 * error), rel=0.02)


def test_a_stratum_without_control_enters_nothing() -> None:
    n_t, n_c = np.array([[100.0, 300.0]]), np.array([[50.0, 0.0]])
    treated = Arm(n_t, np.array([[5.0, 99.0]]), np.ones((1, 2)), np.zeros((1, 2)), np.array([[5.0, 99.0]]))
    control = Arm(n_c, np.array([[4.0, 0.0]]), np.ones((1, 2)), np.zeros((1, 2)), np.array([[4.0, 0.0]]))
    alone = MeanDifference(treated.take(np.array([0])), control.take(np.array([0])))
    assert alone.effect == pytest.approx([1.0])
    assert np.isfinite(alone.interval()[0]).all()


def test_arms_of_one_customer_or_of_none_have_no_interval() -> None:
    assert np.isnan(ends(np.array([2.0]), np.array([1.0, 3.0]))).all()
    empty = Arm(*(np.zeros((1, 1)) for _ in range(5)))
    difference = MeanDifference(empty, Arm.of([np.array([1.0, 2.0])]))
    assert np.isnan(difference.effect).all()
    assert np.isnan(difference.interval()).all()
    assert np.isnan(difference.p_value()).all()


def test_values_all_alike_have_an_interval_of_no_width() -> None:
    assert ends(np.full(10, 3.0), np.full(5, 2.0)) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("counts", "interval"),
    [
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((10, 10, 0, 20), (0.6791, 1.0000)),
    ],
)
def test_interval_of_buyer_rate_is_newcombes(counts: tuple[int, ...], interval: tuple[float, float]) -> None:
    columns = [np.array([[float(count)]]) for count in counts]
    _, low, high = rate_difference(*columns, np.ones((1, 1)))  # published: Newcombe 1998, table II, method 10
    assert (round(float(low[0]), 4), round(float(high[0]), 4)) == interval

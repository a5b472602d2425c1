"""Lifetime value: published results, exact days, coverage of the interval, and data that allow no forecast."""

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifetimes import BetaGeoFitter, GammaGammaFitter, ModifiedBetaGeoFitter, ParetoNBDFitter
from lifetimes.utils import ConvergenceError

from models.clv.buying import buying_likelihood
from models.clv.fit import fit_clv
from models.clv.holdout import HoldoutPeriod
from models.clv.outlook import futures, still_there
from models.clv.parameters import ClvParameters, SpendParameters
from models.clv.score import WATCHED, expected_spend, score_clv, tier_bounds, watched_columns
from models.clv.spend import fit_spend
from models.clv.total import forecast_total

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lifetimes.datasets import load_cdnow_summary, load_cdnow_summary_data_with_monetary_value

BUYING = ClvParameters("mbg/nbd", r=0.9, alpha=30.0, a=0.5, b=4.0)
SPEND = SpendParameters(p=2.0, q=4.0, v=60.0)


@pytest.fixture(scope="module")
def cdnow() -> pd.DataFrame:
    return load_cdnow_summary().rename(columns={"recency": "recency_days", "T": "age_days"})


@pytest.fixture(scope="module")
def cdnow_spend() -> pd.DataFrame:
    return load_cdnow_summary_data_with_monetary_value().rename(columns={"monetary_value": "mean_repeat_value"})


def customers(*rows: tuple[int | None, int | None, int | None, float | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["frequency", "recency_days", "age_days", "repeat_revenue"], dtype=float)
    return frame.assign(customer_id=[f"c{number}" for number in range(len(rows))])


def simulated(
    buying: ClvParameters, spend: SpendParameters, count: int, horizon: int, rate: float, seed: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Customers of a population, and what each really brings, discounted, in the horizon."""
    return simulated_purchases(buying, spend, count, horizon, rate, seed)[:2]


def simulated_purchases(
    buying: ClvParameters, spend: SpendParameters, count: int, horizon: int, rate: float, seed: int, longest: int = 730
) -> tuple[pd.DataFrame, np.ndarray, int]:
    """As simulated, and how often they buy in the horizon, all together; longest: days since a first purchase."""
    rng = np.random.default_rng(seed)
    age = rng.integers(1, longest + 1, count)
    buys = rng.gamma(buying.r, 1 / buying.alpha, count)
    leaves, until = np.zeros(count), np.full(count, np.inf)
    if buying.model == "pareto/nbd":
        until = rng.exponential(1 / rng.gamma(buying.a, 1 / buying.b, count))
    else:
        leaves = rng.beta(buying.a, buying.b, count)
    spends = rng.gamma(spend.q, 1 / spend.v, count)
    now, recency, frequency, revenue, future = np.zeros((5, count))
    bought = 0
    here = np.arange(count) if buying.model == "bg/nbd" else np.flatnonzero(rng.random(count) >= leaves)
    while len(here):
        now[here] += rng.exponential(1 / buys[here])
        here = here[now[here] <= np.minimum(age[here] + horizon, until[here])]
        value = rng.gamma(spend.p, 1 / spends[here])
        past = now[here] <= age[here]
        frequency[here[past]] += 1
        recency[here[past]] = np.minimum(np.ceil(now[here[past]]), age[here[past]])
        revenue[here[past]] += value[past]
        ahead = here[~past]
        bought += len(ahead)
        future[ahead] += value[~past] * (1 + rate) ** (-(now[ahead] - age[ahead]) / 365)
        here = here[rng.random(len(here)) >= leaves[here]]
    columns = {"frequency": frequency, "recency_days": recency, "age_days": age, "repeat_revenue": revenue}
    return pd.DataFrame(columns).assign(customer_id=[f"c{number}" for number in range(count)]), future, bought


def mean_value(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(mean_repeat_value=frame["repeat_revenue"] / frame["frequency"].clip(lower=1))


# Published results


@pytest.mark.parametrize(
    ("model", "published", "log_likelihood"),
    [
        ("mbg/nbd", (0.525, 6.183, 0.891, 1.614), -9582.1),
        ("bg/nbd", (0.243, 4.414, 0.793, 2.426), -9582.4),
        ("pareto/nbd", (0.553, 10.578, 0.606, 11.669), -9595.0),
    ],
)
def test_buying_models_find_the_published_cdnow_parameters(cdnow, model, published, log_likelihood):
    fit = fit_clv(cdnow, model=model)
    assert (fit.method, fit.converged, fit.customers, fit.repeat_customers) == ("fitted", True, 2357, 946)
    found = (fit.parameters.r, fit.parameters.alpha, fit.parameters.a, fit.parameters.b)
    assert found == pytest.approx(published, abs=0.0015)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=0.5)


def test_expected_purchases_of_the_published_customer(cdnow):
    parameters = fit_clv(cdnow, model="bg/nbd").parameters
    x, recency, age = np.array([[2.0], [30.43], [38.86]])
    future, cell = futures(parameters, x, age, 39, 0.0)
    expected = still_there(parameters, x, recency, age) * future.mean[cell]
    assert expected[0] == pytest.approx(1.226, abs=0.0005)


def test_expected_purchases_of_a_new_customer_by_week_1_and_78(cdnow):
    parameters = fit_clv(cdnow, model="bg/nbd").parameters
    published = {1: 0.0532, 78: 1.8576}
    for weeks, expected in published.items():
        future, cell = futures(parameters, np.zeros(1), np.zeros(1), weeks, 0.0)
        assert future.mean[cell[0]] == pytest.approx(expected, abs=0.0005)


@pytest.mark.parametrize(
    ("model", "expected"), [("bg/nbd", 1653), ("pareto/nbd", 1666), ("mbg/nbd", 1577)], ids=["bg", "pareto", "mbg"]
)
def test_forecast_of_the_39_weeks_held_out_of_cdnow(cdnow, model, expected):
    # 1,882 repeat transactions came: by every model fewer were to be expected, as the cohort's habits changed.
    parameters = fit_clv(cdnow, model=model, horizon_days=39).parameters
    total = forecast_total(cdnow, parameters, 39)
    low, high = total.interval(parameters)
    assert total.purchases == pytest.approx(expected, abs=1)
    assert total.purchases == pytest.approx(1882, rel=0.17)
    assert low < total.purchases < high < 1.05 * 1882


@pytest.mark.parametrize("model", ["mbg/nbd", "bg/nbd", "pareto/nbd"])
def test_expected_purchases_agree_with_the_published_closed_forms(cdnow, model):
    fitter = {"mbg/nbd": ModifiedBetaGeoFitter, "bg/nbd": BetaGeoFitter, "pareto/nbd": ParetoNBDFitter}[model]()
    fitter.fit(cdnow["frequency"], cdnow["recency_days"], cdnow["age_days"])
    rows = customers((0, 0, 10, 0), (1, 1, 39, 20), (4, 30, 38, 90), (26, 30, 31, 700))
    scored = score_clv(rows, ClvParameters(model, *fitter.params_), None, 39, 0.0, None)
    expected = fitter.predict(39, rows["frequency"], rows["recency_days"], rows["age_days"])
    assert scored["expected_purchases"].to_pylist() == pytest.approx(list(expected), abs=2e-6)


def test_expected_purchases_have_no_pole_where_the_closed_form_has_one():
    rows = customers((3, 50, 90, 60))
    around = [ClvParameters("mbg/nbd", 0.9, 30, a, 4) for a in (0.9999, 1.0, 1.0001)]
    below, at, above = (score_clv(rows, p, SPEND, 365, 0.1, None)["expected_purchases"][0].as_py() for p in around)
    assert below > at > above
    assert at == pytest.approx((below + above) / 2, abs=1e-6)


def test_spend_model_finds_the_published_cdnow_parameters(cdnow_spend):
    fit = fit_spend(cdnow_spend)
    assert (fit.method, fit.customers) == ("fitted", 946)
    assert (fit.parameters.p, fit.parameters.q, fit.parameters.v) == pytest.approx((6.25, 3.74, 15.44), abs=0.01)
    assert fit.log_likelihood == pytest.approx(-4055.9, abs=0.5)
    assert fit.correlation == pytest.approx(0.11, abs=0.01)


def test_expected_spend_of_the_first_ten_cdnow_customers(cdnow_spend):
    parameters = fit_spend(cdnow_spend).parameters
    first = cdnow_spend.iloc[:10]
    revenue = (first["frequency"] * first["mean_repeat_value"]).to_numpy()
    found = expected_spend(parameters, first["frequency"].to_numpy(float), revenue)
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert list(found) == pytest.approx(published, abs=0.011)


def test_grouped_and_ungrouped_rows_give_the_same_fit(cdnow, cdnow_spend):
    keys = ["frequency", "recency_days", "age_days"]
    grouped = cdnow.groupby(keys).size().rename("customer_count").reset_index()
    assert len(grouped) < len(cdnow)
    assert fit_clv(grouped.sample(frac=1, random_state=1)) == fit_clv(cdnow)
    keys = ["frequency", "mean_repeat_value"]
    grouped = cdnow_spend.groupby(keys).size().rename("customer_count").reset_index()
    assert fit_spend(grouped.sample(frac=1, random_state=1)) == fit_spend(cdnow_spend)


def test_standard_errors_are_those_of_lifetimes(cdnow, cdnow_spend):
    fitter = ModifiedBetaGeoFitter().fit(cdnow["frequency"], cdnow["recency_days"], cdnow["age_days"])
    fit = fit_clv(cdnow)
    found = {name: value for name, value, _ in (*fit.quality(), *fit.parameters.quality(fit.method))}
    names = [f"{name}_standard_error" for name in ("r", "alpha", "a", "b")]
    assert [found[name] for name in names] == pytest.approx(
        list(fitter.standard_errors_), rel=0.02
    )  # a weak prior takes a percent or so
    assert found["gradient_norm"] < 1e-4
    repeaters = cdnow_spend[cdnow_spend["frequency"] > 0]
    money = GammaGammaFitter().fit(repeaters["frequency"], repeaters["mean_repeat_value"])
    fit = fit_spend(cdnow_spend)
    spend = {name: value for name, value, _ in (*fit.quality(), *fit.parameters.quality(fit.method))}
    assert [spend["p_standard_error"], spend["q_standard_error"]] == pytest.approx(
        list(money.standard_errors_[["p", "q"]]), rel=0.02
    )
    assert spend["spend_gradient_norm"] < 1e-4


@pytest.mark.parametrize(
    "values",
    [(0.553, 10.578, 0.606, 11.669), (1.2, 28.0, 0.9, 250.0), (1.2, 400.0, 0.9, 2.0), (0.5, 3.0, 5.0, 500.0)],
)
def test_pareto_likelihood_and_p_alive_are_those_of_lifetimes(values):
    rng = np.random.default_rng(0)
    age = rng.uniform(1, 730, 500)
    x = rng.poisson(rng.gamma(1.2, 1 / 28, 500) * age).astype(float)
    recency = np.where(x > 0, age * rng.uniform(0, 1, 500), 0)
    expected = ParetoNBDFitter._conditional_log_likelihood(values, x, recency, age).sum()
    found = buying_likelihood((x, recency, age, np.ones(500)), ClvParameters("pareto/nbd", *values))
    assert found == pytest.approx(expected, abs=1e-3)
    fitter = ParetoNBDFitter()
    fitter.params_ = dict(zip(("r", "alpha", "s", "beta"), values, strict=True))
    p_alive = still_there(ClvParameters("pareto/nbd", *values), x, recency, age)
    assert p_alive == pytest.approx(fitter.conditional_probability_alive(x, recency, age), abs=1e-5)


def test_parameters_survive_json(cdnow):
    assert ClvParameters.from_json(BUYING.to_json()) == BUYING
    fitted = fit_clv(cdnow, model="best", horizon_days=39).parameters
    assert (len(fitted.covariance), [len(values) for values in fitted.bounds]) == (4, [4, 4])
    assert (fitted.alive.model, [rival.model for rival in fitted.rivals]) == ("mbg/nbd", ["mbg/nbd"])
    assert ClvParameters.from_json(fitted.to_json()) == fitted
    assert SpendParameters.from_json(SPEND.to_json()) == SPEND
    with pytest.raises(ValueError, match="not a set of parameters"):
        SpendParameters.from_json('{"p": 1, "q": -2, "v": 3}')
    with pytest.raises(ValueError, match="unknown buying model"):
        ClvParameters.from_json('{"model": "x", "r": 1, "alpha": 1, "a": 1, "b": 1}')


# The choice of a model


def test_models_are_compared_on_the_same_customers(cdnow):
    fit = fit_clv(cdnow, model="best")
    assert fit.model == fit.parameters.model == "bg/nbd"  # MBG/NBD is likelier by 0.3: not clearly
    assert [model for model, _ in fit.compared] == ["mbg/nbd", "bg/nbd", "pareto/nbd"]
    assert [likelihood for _, likelihood in fit.compared] == pytest.approx([-9582.1, -9582.4, -9595.0], abs=0.5)
    assert fit.note == "converged; bg/nbd used, by likelihood the models rank mbg/nbd, bg/nbd, pareto/nbd"
    rows = {metric: (value, note) for metric, value, note in fit.quality()}
    assert rows["log_likelihood_pareto_nbd"][1] == "AIC 19197.9, BIC 19221.0"


@pytest.mark.parametrize("model", ["mbg/nbd", "pareto/nbd"])
def test_a_clearly_likelier_model_is_used(model):
    buying = ClvParameters(model, 1.2, 28.0, 0.9, 3.0 if model == "mbg/nbd" else 250.0)
    rows, _ = simulated(buying, SPEND, 4000, 1, 0.0, seed=2)
    assert fit_clv(rows, model="best").model == model


@pytest.mark.parametrize("model", ["bg/nbd", "mbg/nbd", "pareto/nbd"])
def test_of_models_the_one_that_forecast_the_last_part_of_the_history_is_used(cdnow, model):
    parameters = fit_clv(cdnow, model=model).parameters
    many = cdnow.assign(customer_count=300)  # whose total hardly varies by chance
    past = HoldoutPeriod(many, 39, forecast_total(many, parameters, 39).purchases)
    fit = fit_clv(cdnow, model="best", past=past)
    assert fit.model == model
    assert dict(fit.held_out)[model] == pytest.approx(1, abs=0.001)
    assert dict(fit.held_out).keys() == {"bg/nbd", "mbg/nbd", "pareto/nbd"}
    assert fit.note.endswith(f"and no other forecasts the last 39 days better than {model}")
    assert all(rival.weight <= 1 for rival in fit.parameters.rivals)
    names = [name for name, _, _ in fit.quality()]
    assert f"held_out_forecast_ratio_{model.replace('/', '_')}" in names


def test_where_chance_can_not_tell_the_forecasts_apart_the_likeliest_model_is_used(cdnow):
    few = cdnow[:200]
    past = HoldoutPeriod(few, 39, forecast_total(few, fit_clv(few, model="pareto/nbd").parameters, 39).purchases)
    assert fit_clv(cdnow, model="best", past=past).model == fit_clv(cdnow, model="best").model == "bg/nbd"


def test_a_past_that_nothing_can_be_learnt_from_leaves_the_choice_to_the_likelihood(cdnow):
    fit = fit_clv(cdnow, model="best", past=HoldoutPeriod(patterns((0, 0, 10, 25)), 39, 7.0))
    assert (fit.model, fit.held_out) == ("bg/nbd", ())


def test_p_alive_is_never_of_a_model_whose_one_time_buyers_can_not_be_gone(cdnow):
    parameters = fit_clv(cdnow, model="bg/nbd").parameters
    assert parameters.alive == fit_clv(cdnow, model="mbg/nbd").parameters
    rows = customers((0, 0, 39, 0), (3, 30, 39, 60))
    scored = score_clv(rows, parameters, SPEND, 39, 0.0, None)
    assert scored["p_alive"] == score_clv(rows, parameters.alive, SPEND, 39, 0.0, None)["p_alive"]
    assert scored["p_alive"][0].as_py() < 0.7
    # Purchases are what BG/NBD expects, by its own certainty that a one-time buyer is there.
    future, cell = futures(parameters, np.zeros(1), np.full(1, 39.0), 39, 0.0)
    assert scored["expected_purchases"][0].as_py() == pytest.approx(future.mean[cell[0]], abs=1e-6)
    alone = score_clv(rows, replace(parameters, alive=None), SPEND, 39, 0.0, None)
    assert alone["p_alive"].null_count == 2
    assert alone["clv"] == scored["clv"]


def test_many_customers_are_thinned_evenly_and_the_note_says_so(monkeypatch):
    rows, _ = simulated(BUYING, SPEND, 6000, 1, 0.0, seed=5)
    whole = fit_clv(rows)
    monkeypatch.setattr("models.clv.buying.MAX_FITTED_CUSTOMERS", {"mbg/nbd": 1500})
    part = fit_clv(rows)
    assert (part.note, part.customers) == ("converged; fitted on one customer in 4", 6000)
    errors = np.sqrt(np.diag(part.parameters.covariance))
    assert (abs(np.log(part.parameters.values) - np.log(whole.parameters.values)) < 3 * errors).all()
    assert (errors > 1.5 * np.sqrt(np.diag(whole.parameters.covariance))).all()


# All customers together


def test_forecasts_of_parts_add_up_to_that_of_all(cdnow):
    parameters = fit_clv(cdnow, model="best", horizon_days=39).parameters
    whole = forecast_total(cdnow, parameters, 39)
    grouped = cdnow.groupby(["frequency", "recency_days", "age_days"]).size().rename("customer_count").reset_index()
    parts = forecast_total(cdnow[:1000], parameters, 39) + forecast_total(cdnow[1000:], parameters, 39)
    for other in (parts, forecast_total(grouped, parameters, 39)):
        assert other.customers == 2357
        assert other.expected == pytest.approx(whole.expected)
        assert other.interval(parameters) == pytest.approx(whole.interval(parameters))


def test_total_is_the_sum_of_what_is_expected_of_each():
    rows, _ = simulated(BUYING, SPEND, 500, 1, 0.0, seed=7)
    each = score_clv(rows, BUYING, None, 39, 0.0, None)["expected_purchases"].to_numpy()
    assert each.sum() == pytest.approx(forecast_total(rows, BUYING, 39).purchases, abs=0.001)


def test_interval_of_a_total_is_wider_the_less_is_known(cdnow):
    parameters = fit_clv(cdnow, model="best", horizon_days=39).parameters
    widths = []
    for known in (
        replace(parameters, rivals=(), bounds=(parameters.values,) * 2),
        replace(parameters, rivals=()),
        parameters,
    ):
        low, high = forecast_total(cdnow, known, 39).interval(known)
        widths.append(high - low)
    assert widths == sorted(set(widths))
    assert forecast_total(cdnow, BUYING, 39).interval(BUYING) is None  # whose uncertainty nobody knows


@pytest.mark.parametrize("ratio", [2.0, 0.5, 1.05])
def test_an_error_on_the_held_out_part_beyond_its_interval_widens_the_total(cdnow, ratio):
    learnt = fit_clv(cdnow, model="mbg/nbd", horizon_days=39).parameters
    then = forecast_total(cdnow, learnt, 39)
    fit = fit_clv(cdnow, model="mbg/nbd", horizon_days=39, past=HoldoutPeriod(cdnow, 39, ratio * then.purchases))
    below, above = then.deviations()
    own = float((above if ratio > 1 else below)[0] / then.purchases)
    is_beyond = abs(np.log(ratio)) > 1.96 * own
    assert is_beyond == (ratio != 1.05)
    error = np.sqrt(np.log(ratio) ** 2 - own**2) if is_beyond else 0.0
    assert fit.parameters.held_out_error == pytest.approx(error)
    assert ClvParameters.from_json(fit.parameters.to_json()) == fit.parameters
    low, high = then.interval(fit.parameters)
    farthest = 1 - np.exp(-1.96 * error), np.exp(1.96 * error) - 1
    down, up = (
        np.hypot(1.96 * deviation[0], share * then.purchases)
        for deviation, share in zip((below, above), farthest, strict=True)
    )
    assert (low, high) == pytest.approx((max(then.purchases - down, 0), then.purchases + up), rel=1e-3)
    rows = {metric: value for metric, value, _ in fit.parameters.quality("fitted")}
    assert rows["held_out_error"] == pytest.approx(error, abs=1e-6)


def test_a_miss_widens_the_total_also_where_the_bounds_of_that_forecast_are_unknown(cdnow, monkeypatch):
    def no_telling(*_):
        raise np.linalg.LinAlgError

    then = forecast_total(cdnow, fit_clv(cdnow).parameters, 39)
    monkeypatch.setattr("models.clv.fit.likelihood_bounds", no_telling)
    fit = fit_clv(cdnow, horizon_days=39, past=HoldoutPeriod(cdnow, 39, 2 * then.purchases))
    by_chance = np.sqrt(then.variance[0]) / then.purchases
    assert fit.parameters.held_out_error == pytest.approx(np.sqrt(np.log(2) ** 2 - by_chance**2))


def test_total_of_nobody_is_nothing():
    parameters = replace(BUYING, bounds=(BUYING.values,) * 2)
    total = forecast_total(customers((None, None, None, None)), parameters, 365)
    assert (total.customers, total.purchases, total.interval(parameters)) == (0, 0.0, (0.0, 0.0))


def test_interval_of_a_total_of_thinned_rows_is_nearly_the_same(monkeypatch):
    rows, _ = simulated(BUYING, SPEND, 6000, 1, 0.0, seed=6)
    parameters = fit_clv(rows, horizon_days=365).parameters
    exact = forecast_total(rows, parameters, 365)
    monkeypatch.setattr("models.clv.total.MAX_SENSITIVITY_ROWS", 1000)
    thinned = forecast_total(rows, parameters, 365)
    assert thinned.purchases == exact.purchases
    assert thinned.interval(parameters) == pytest.approx(exact.interval(parameters), rel=0.01)


@pytest.mark.parametrize(
    "population",
    [ClvParameters("bg/nbd", 0.243, 31, 0.793, 2.426), ClvParameters("pareto/nbd", 0.553, 74, 0.606, 82)],
    ids=["bg/nbd", "pareto/nbd"],
)
def test_95_percent_interval_holds_the_total_of_generated_data_sets(population):
    held = 0
    for seed in range(12):
        rows, _, bought = simulated_purchases(population, SPEND, 700, 180, 0.0, seed)
        parameters = fit_clv(rows, model="best", horizon_days=180).parameters
        low, high = forecast_total(rows, parameters, 180).interval(parameters)
        held += low <= bought <= high
    assert held >= 10  # of 12; 98 % of correct intervals do


def test_bounds_are_those_of_the_normal_approximation_where_the_data_are_many(cdnow):
    parameters = fit_clv(cdnow, model="bg/nbd", horizon_days=39).parameters
    total = forecast_total(cdnow, parameters, 39)
    nudges = [np.exp(np.log(parameters.values) + 1e-4 * one) for one in np.eye(4)]
    moved = [forecast_total(cdnow, ClvParameters("bg/nbd", *values), 39).purchases for values in nudges]
    gradient = (np.array(moved) - total.purchases) / 1e-4
    distance = 1.96 * np.sqrt(gradient @ np.array(parameters.covariance) @ gradient)
    (fewest,), (most,) = total.fewest, total.most
    assert (total.purchases - fewest, most - total.purchases) == pytest.approx((distance, distance), rel=0.15)


def test_a_history_too_short_to_see_anyone_leave_leaves_room_for_many_who_do():
    # Two months of data, customers who stay for nine on average: the likeliest is often that nobody ever leaves.
    population, held = ClvParameters("pareto/nbd", 2.8, 340, 2.0, 520), 0
    for seed in range(6):
        rows, _, bought = simulated_purchases(population, SPEND, 1500, 365, 0.0, seed, longest=60)
        parameters = fit_clv(rows, model="pareto/nbd", horizon_days=365).parameters
        total = forecast_total(rows, parameters, 365)
        low, high = total.interval(parameters)
        held += low <= bought <= high
        assert total.purchases - low > 0.25 * total.purchases
    assert held >= 5  # of 6; 97 % of correct intervals do


# The value of a customer


def test_value_is_discounted_in_exact_days():
    # Nobody leaves (a is next to nothing), so purchases are spread evenly over the year: r + x = 10 in alpha + age =
    # 200 days make 18.25 in 365. A euro a day for a year at 10 % is worth (1 - 1/1.1) / ln(1.1) = 0.953824 of a year's.
    stays = ClvParameters("mbg/nbd", r=2.0, alpha=40.0, a=1e-9, b=1.0)
    rows = customers((8, 150, 160, 160))
    scored = score_clv(rows, stays, SPEND, 365, 0.10, None).to_pylist()[0]
    assert scored["p_alive"] == 1.0
    assert scored["expected_purchases"] == pytest.approx(18.25, abs=1e-5)
    # (60 + 160) x 2 / (2 x 8 + 4 - 1) = 23.1579 on a purchase day.
    assert scored["expected_purchase_day_value"] == 23.16
    assert scored["clv"] == pytest.approx(18.25 * 440 / 19 * 0.953824, abs=0.01)
    half = score_clv(rows, stays, SPEND, 182, 0.10, None).to_pylist()[0]
    discount = (1 - 1.1 ** (-182 / 365)) / (np.log(1.1) * 182 / 365)
    assert half["clv"] == pytest.approx(182 * 10 / 200 * 440 / 19 * discount, abs=0.01)


def test_value_is_margin_where_known_and_revenue_elsewhere_for_all_customers():
    rows = customers((3, 50, 90, 60), (None, None, None, None))
    revenue = score_clv(rows, BUYING, SPEND, 365, 0.1, None).to_pylist()
    margin = score_clv(rows, BUYING, SPEND, 365, 0.1, 0.25).to_pylist()
    assert [row["clv_basis"] for row in revenue + margin] == ["revenue", "revenue", "margin", "margin"]
    for name in ("clv", "clv_low", "clv_high"):
        assert margin[0][name] == pytest.approx(revenue[0][name] / 4, abs=0.005)


def test_one_time_buyer_is_expected_to_spend_like_the_population():
    scored = score_clv(customers((0, 0, 30, 0)), BUYING, SPEND, 365, 0.1, None).to_pylist()[0]
    assert scored["expected_purchase_day_value"] == SPEND.population_mean == 40.0
    assert scored["p_alive"] == pytest.approx(1 / (1 + 0.5 / 4 * (60 / 30) ** 0.9), abs=1e-6)


def test_customer_without_a_purchase_day_has_no_value():
    scored = score_clv(customers((0, 0, 9, 0), (None, None, None, None)), BUYING, SPEND, 365, 0.1, None)
    known, unknown = scored.to_pylist()
    assert known["clv"] > 0
    assert unknown == {
        "customer_id": "c1", "frequency": None, "recency_days": None, "age_days": None, "p_alive": None,
        "expected_purchases": None, "expected_purchase_day_value": None, "clv": None, "clv_low": None,
        "clv_high": None, "clv_basis": "revenue", "horizon_days": 365,
    }  # fmt: skip


def test_without_parameters_all_is_null_and_without_spend_the_money_is():
    rows = customers((3, 50, 90, 60))
    (none,) = score_clv(rows, None, SPEND, 365, 0.1, None).to_pylist()
    assert [none[name] for name in ("p_alive", "expected_purchases", "clv", "clv_high")] == [None] * 4
    (no_money,) = score_clv(rows, BUYING, None, 365, 0.1, None).to_pylist()
    assert no_money["p_alive"] > 0
    assert no_money["expected_purchases"] > 0
    assert [no_money[name] for name in ("expected_purchase_day_value", "clv", "clv_low", "clv_high")] == [None] * 4


def test_arrow_table_with_decimal_money_scores_like_a_frame():
    rows = customers((3, 50, 90, 60.25), (0, 0, 5, 0))
    table = pa.Table.from_pandas(rows, preserve_index=False)
    money = table["repeat_revenue"].cast(pa.decimal128(38, 2))
    table = table.set_column(table.schema.get_field_index("repeat_revenue"), "repeat_revenue", money)
    assert score_clv(table, BUYING, SPEND, 365, 0.1, None) == score_clv(rows, BUYING, SPEND, 365, 0.1, None)


def test_no_customer_gives_no_row():
    assert score_clv(customers((1, 2, 3, 4)).iloc[:0], BUYING, SPEND, 365, 0.1, None).num_rows == 0


def test_score_depends_neither_on_row_order_nor_on_batches():
    rows, _ = simulated(BUYING, SPEND, 3000, 365, 0.1, seed=4)
    whole = score_clv(rows, BUYING, SPEND, 365, 0.1, None)
    batches = [
        score_clv(rows.iloc[start : start + 700], BUYING, SPEND, 365, 0.1, None) for start in range(0, 3000, 700)
    ]
    assert pa.concat_tables(batches).equals(whole)
    shuffled = score_clv(rows.sample(frac=1, random_state=2), BUYING, SPEND, 365, 0.1, None)
    assert shuffled.sort_by("customer_id") == whole.sort_by("customer_id")


@pytest.mark.parametrize(
    ("buying", "spend"),
    [
        (ClvParameters("mbg/nbd", 0.525, 43.0, 0.89, 1.6), SpendParameters(6.25, 3.74, 15.44)),
        (ClvParameters("mbg/nbd", 0.9, 12.0, 0.3, 6.0), SpendParameters(1.2, 2.5, 30.0)),
        (ClvParameters("mbg/nbd", 3.0, 90.0, 2.0, 20.0), SpendParameters(60.0, 5.0, 10.0)),
        (ClvParameters("bg/nbd", 0.6, 30.0, 0.8, 3.0), SpendParameters(6.25, 3.74, 15.44)),
        (ClvParameters("pareto/nbd", 1.2, 28.0, 0.9, 250.0), SpendParameters(2.0, 4.0, 60.0)),
    ],
    ids=["mostly one-time buyers", "loyal, spend varies", "patient, steady spend", "bg/nbd", "pareto/nbd"],
)
def test_interval_holds_what_95_percent_of_customers_really_bring(buying, spend):
    rows, brought = simulated(buying, spend, 20_000, 365, 0.1, seed=1)
    fit, money = fit_clv(rows, model=buying.model), fit_spend(mean_value(rows))
    scored = score_clv(rows, fit.parameters, money.parameters, 365, 0.1, None).to_pandas()
    held = (brought >= scored["clv_low"] - 0.005) & (brought <= scored["clv_high"] + 0.005)
    assert 0.94 < held.mean() < 0.97
    # The loyal, where nothing at all is no likely outcome, are held as well, and on both sides.
    loyal = scored["clv_low"] > 0
    if loyal.sum() > 1000:
        assert 0.93 < held[loyal].mean() < 0.98
        assert (brought < scored["clv_low"] - 0.005)[loyal].mean() > 0.01
    assert (scored["clv_low"] <= scored["clv"]).all()
    assert (scored["clv"] <= scored["clv_high"]).all()
    assert scored["clv"].sum() == pytest.approx(brought.sum(), rel=0.06)


@settings(max_examples=60, deadline=None)
@given(
    model=st.sampled_from(["mbg/nbd", "bg/nbd", "pareto/nbd"]),
    values=st.tuples(st.floats(0.05, 20), st.floats(0.5, 2000), st.floats(0.05, 20), st.floats(0.5, 2000)),
    frequency=st.integers(0, 400),
    days=st.tuples(st.integers(0, 3000), st.integers(0, 3000)),
    horizon=st.integers(1, 1000),
)
def test_every_value_is_finite_and_in_order_for_any_population_and_history(model, values, frequency, days, horizon):
    recency, age = sorted(days) if frequency else (0, max(days))
    frequency = min(frequency, recency)
    parameters = ClvParameters(model, *values)
    parameters = replace(parameters, alive=replace(parameters, model="mbg/nbd"), bounds=(values, values))
    rows = customers((frequency, recency if frequency else 0, age, 20.0 * frequency))
    (row,) = score_clv(rows, parameters, SPEND, horizon, 0.1, 0.3).to_pylist()
    assert 0 <= row["p_alive"] <= 1
    assert 0 <= row["expected_purchases"] < np.inf
    assert 0 <= row["clv_low"] <= row["clv"] <= row["clv_high"] < np.inf
    total = forecast_total(rows, parameters, horizon)
    low, high = total.interval(parameters)
    assert 0 <= low <= total.purchases <= high < np.inf


# Tiers


def test_ties_share_a_tier_by_the_share_below():
    clv = [100.0] + [50.0] * 3 + [20.0] * 8 + [1.0] * 8
    assert tier_bounds(clv) == {"platinum": 100.0, "gold": 50.0, "silver": 50.0}
    assert tier_bounds([7.0, 7.0, np.nan]) == {"platinum": np.inf, "gold": np.inf, "silver": np.inf}
    assert tier_bounds([]) == {"platinum": np.inf, "gold": np.inf, "silver": np.inf}


def test_tiers_begin_at_5_20_and_50_percent():
    assert tier_bounds(np.arange(100.0)[::-1]) == {"platinum": 95.0, "gold": 80.0, "silver": 50.0}


# Data that allow no forecast


def patterns(*rows: tuple[int, int, int, int]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["frequency", "recency_days", "age_days", "customer_count"])


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (patterns(), "only 0 customers bought on a second day"),
        (patterns((0, 0, 10, 25), (1, 5, 10, 5)), "only 5 customers bought on a second day"),
        (patterns((0, 0, 10, 900), (0, 0, 0, 100)), "only 0 customers bought on a second day"),
        (patterns((0, 0, 0, 1000)), "only 0 customers bought on a second day"),
    ],
    ids=["nobody", "30 customers", "nobody repeats", "one day"],
)
def test_too_little_history_is_refused_in_words(rows, reason):
    fit = fit_clv(rows)
    assert (fit.method, fit.parameters, fit.log_likelihood, fit.converged) == ("none", None, None, False)
    assert fit.note.startswith(f"no forecast of purchases: {reason}")


def test_last_good_parameters_step_in():
    fit = fit_clv(patterns((0, 0, 10, 25), (1, 5, 10, 5)), last_good=BUYING)
    assert (fit.method, fit.parameters, fit.converged) == ("last_good", BUYING, False)
    assert fit.note.startswith("parameters of an earlier night, because only 5 customers")
    assert fit.log_likelihood < 0
    spend = fit_spend(pd.DataFrame({"frequency": [1], "mean_repeat_value": [9.0]}), last_good=SPEND)
    assert (spend.method, spend.parameters) == ("last_good", SPEND)


def test_fit_that_does_not_converge_is_penalised_then_refused(cdnow, monkeypatch):
    plain = ModifiedBetaGeoFitter.fit

    def only_penalised(self, *args, **kwargs):
        if not self.penalizer_coef:
            raise ConvergenceError("no")
        return plain(self, *args, **kwargs)

    monkeypatch.setattr(ModifiedBetaGeoFitter, "fit", only_penalised)
    fit = fit_clv(cdnow)
    assert (fit.method, fit.converged) == ("penalised", True)
    assert fit.note == "penaliser 0.001: the plain fit did not converge"

    def never(self, *args, **kwargs):
        raise ConvergenceError("no")

    monkeypatch.setattr(ModifiedBetaGeoFitter, "fit", never)
    assert fit_clv(cdnow).note == "no forecast of purchases: the fit did not converge, with and without a penaliser"


def test_impossible_pattern_is_an_error():
    with pytest.raises(ValueError, match="1 purchase patterns can't be, for example frequency 1, recency_days 9"):
        fit_clv(patterns((1, 9, 5, 40)))


def spending(values: np.ndarray, frequency: int = 3) -> pd.DataFrame:
    return pd.DataFrame({"frequency": frequency, "mean_repeat_value": values})


def test_identical_spend_is_refused_in_words():
    fit = fit_spend(spending(np.full(100, 9.99)))
    assert fit.parameters is None
    assert fit.note.startswith("no forecast of spend: all customers spend the same")
    assert fit.mean_spend == pytest.approx(9.99)


def test_huge_spenders_give_a_sensible_mean_or_none():
    values = np.random.default_rng(0).gamma(3, 5, 300)
    values[:3] = 1e9
    fit = fit_spend(spending(values))
    if fit.parameters is None:
        assert "huge spenders" in fit.note
    else:
        assert fit.parameters.population_mean == pytest.approx(fit.mean_spend, rel=2)


def test_spend_fit_ignores_one_time_buyers_and_zero_spend(cdnow_spend):
    extra = pd.DataFrame({"frequency": [0, 2, 3], "mean_repeat_value": [50.0, 0.0, np.nan]})
    assert fit_spend(pd.concat([cdnow_spend, extra])) == fit_spend(cdnow_spend)


def test_many_spend_patterns_are_sampled_and_the_note_says_so(cdnow_spend, monkeypatch):
    monkeypatch.setattr("models.clv.spend.MAX_SPEND_ROWS", 400)
    fit = fit_spend(cdnow_spend)
    assert fit.note == "converged; fitted on one pattern in 2"
    assert fit.customers == 946


def test_customers_who_never_leave_get_a_finite_value():
    rng = np.random.default_rng(3)
    age = rng.integers(200, 400, 500)
    frequency = rng.poisson(rng.gamma(2, 1 / 60, 500) * age)
    recency = np.where(frequency > 0, np.maximum(age - rng.integers(0, 20, 500), 1), 0)
    rows = customers(*zip(frequency, recency, age, frequency * 10.0, strict=True))
    scored = score_clv(rows, fit_clv(rows).parameters, SPEND, 365, 0.1, None).to_pandas()
    assert np.isfinite(scored[["clv", "clv_low", "clv_high"]]).all(axis=None)


def test_quality_says_what_was_used(cdnow, cdnow_spend):
    fit = fit_clv(cdnow)
    measures = ["customers", "log_likelihood", "gradient_norm", "converged"]
    assert [name for name, _, _ in fit.quality()] == measures
    names = ["r", "alpha", "a", "b"]
    rows = fit.parameters.quality("last_good")
    errors = [f"{name}_standard_error" for name in names]
    assert [name for name, _, _ in rows] == ["buying_model", *names, *errors, "held_out_error"]
    assert {note for _, _, note in rows[:-1]} == {"mbg/nbd", "last_good"}
    assert rows[-1] == ("held_out_error", None, "unknown: no part of the history could be held back")
    pareto = ClvParameters("pareto/nbd", 1, 2, 3, 4).quality("fitted")
    assert [name for name, _, _ in pareto[1:-1]] == ["r", "alpha", "s", "beta"]
    spend = fit_spend(cdnow_spend)
    assert {name: value for name, value, _ in spend.quality()}["spend_customers"] == 946.0
    assert spend.parameters.quality("fitted")[-1][:2] == ("population_mean_spend", spend.parameters.population_mean)
    assert [name for name, _, _ in fit_clv(patterns()).quality()] == ["customers", "converged"]


# What drift is watched on


def test_what_is_watched_is_of_the_active_and_does_not_grow_with_age():
    rows = customers((4, 40, 60, 90), (0, 0, 29, None), (2, 10, 41, 50), (0, 0, 30, None), (None, None, None, None))
    table = pa.Table.from_pandas(rows, preserve_index=False)
    watched = watched_columns(table, score_clv(table, BUYING, SPEND, 365, 0.1, None), active_days=30)
    assert set(watched) == {*WATCHED["buying"], *WATCHED["spend"]}
    expected = {
        "days_between_purchases": [10, None],
        "days_since_last_purchase": [20, 29],
        "mean_repeat_value": [22.5, None],
    }
    for name, values in expected.items():
        assert pa.array(watched[name], from_pandas=True).to_pylist() == values, name
    scored = score_clv(rows.iloc[:2], BUYING, SPEND, 365, 0.1, None)
    for name in ("p_alive", "expected_purchases", "expected_purchase_day_value"):
        assert watched[name].tolist() == scored[name].to_pylist()
    # Eight years on, who goes on as before is the same to them.
    later = pa.Table.from_pandas(customers((292, 2960, 2980, 90)), preserve_index=False)
    grown = watched_columns(later, score_clv(later, BUYING, SPEND, 365, 0.1, None), active_days=30)
    assert grown["days_between_purchases"][0] == pytest.approx(10, abs=0.2)
    assert grown["days_since_last_purchase"][0] == 20


def test_without_a_model_only_what_customers_do_is_known():
    table = pa.Table.from_pandas(customers((4, 40, 60, 90)), preserve_index=False)
    watched = watched_columns(table, score_clv(table, None, None, 365, 0.1, None), active_days=30)
    assert watched["mean_repeat_value"].tolist() == [22.5]
    assert np.isnan(watched["p_alive"]).all()

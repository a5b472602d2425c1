"""CLV from fit to fit: a new model against the one in use, what stays when it is refused, and drift."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from conftest import Retailer, needed

from models.clv import population
from models.clv.cohort import YoungCohort
from models.clv.parameters import SpendMoments, SpendParameters
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.publishing.night_warnings import model_warnings
from pipelines.scoring import clv as score
from pipelines.scoring.fitting import kept_bins
from pipelines.settings import load_settings
from pipelines.store.lake import Lake

FIRST_DAY, FIRST, SECOND, LATER = date(2017, 1, 1), "2017-11-01", "2017-11-08", "2017-12-20"
NEEDED = needed("customer_clv", "clv_fit")


def buyers(count: int = 90) -> dict[str, list[int]]:
    """Customers from January on, who buy about every 12 to 52 days, a third of them until summer only."""
    return {f"c{n}": list(range(n % 60, 150 if n % 3 == 0 else 353, 12 + (7 * n) % 41)) for n in range(count)}


def receipts(days: dict[str, list[int]], times: float = 1) -> str:
    """Receipts on days of the year; customers spend differently, and each of them from day to day."""
    random = np.random.default_rng(1)
    rows = []
    for customer, on in days.items():
        amounts = times * random.gamma(5, 5) * random.gamma(2, 1, len(on)) + 0.01
        rows += [
            f"{customer}-{day}-{times:g},{customer},{FIRST_DAY + timedelta(day)},{amount:.2f}"
            for day, amount in zip(on, amounts, strict=True)
        ]
    return "receipt_id,customer_id,issued_at,total_amount\n" + "\n".join(rows) + "\n"


def deliver_and_load(retailer: Retailer, night: str, **extracts: str):
    retailer.deliver(night, **extracts)
    return retailer.load(night, upto=("staging", "facts", "scores"), only=NEEDED)


def metrics(retailer: Retailer, night, table: str = "clv_fit") -> dict[str, tuple[float | None, str, date]]:
    rows = retailer.rows(night, table, "metric, value, note, trained_through")
    return {metric: (value, note, through) for metric, value, note, through in rows}


def day(text: str) -> date:
    return date.fromisoformat(text)


@pytest.fixture(scope="module")
def retailer(tmp_path_factory):
    home = tmp_path_factory.mktemp("challenge") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        patch.setenv("LOYALTY_BUYING_MODEL", "mbg/nbd")
        load_settings.cache_clear()
        yield Retailer(home)
    load_settings.cache_clear()


@pytest.fixture(scope="module")
def first(retailer):
    return deliver_and_load(retailer, FIRST, receipts=receipts(buyers()))


@pytest.fixture(scope="module")
def second(retailer, first):
    return deliver_and_load(retailer, SECOND)


def test_a_first_model_has_nothing_to_be_held_against(retailer, first):
    found = metrics(retailer, first)
    for metric in ("deviance_less_last_model", "spend_deviance_less_last_model"):
        assert found[metric] == (
            None,
            "the new model is published without being held against an earlier one: there is no earlier one",
            day(FIRST),
        )
    assert {through for _, _, through in found.values()} == {day(FIRST)}


def test_a_new_model_that_is_not_worse_is_published(retailer, first, second):
    found = metrics(retailer, second)
    value, note, _ = found["deviance_less_last_model"]
    known = sum(days[0] <= (day(SECOND) - timedelta(28) - FIRST_DAY).days for days in buyers().values())
    assert abs(value) < 0.05
    assert f"of how often {known} customers bought in the last 28 days: " in note
    assert note.endswith("the new one is not worse beyond chance, so it is published")
    assert "customers spent a day in the last 28 days: " in found["spend_deviance_less_last_model"][1]
    assert not {"new_model_refused", "spend_new_model_refused"} & found.keys()
    assert {through for _, _, through in found.values()} == {day(SECOND)}
    rows = [retailer.rows(night, "clv_model", "component, trained_through") for night in (first, second)]
    assert rows == [
        [(component, day(night)) for component in ("buying", "money", "spend", "total")] for night in (FIRST, SECOND)
    ]


def test_a_refused_model_leaves_the_last_one_its_numbers_and_their_day(retailer, first, second, monkeypatch):
    fit = population.fit_clv

    def too_much(*args):
        made = fit(*args)
        much = made.parameters and replace(made.parameters, r=20 * made.parameters.r)
        return replace(made, parameters=much)

    monkeypatch.setattr("models.clv.population.fit_clv", too_much)
    night = deliver_and_load(retailer, "2017-11-15")
    found, before = metrics(retailer, night), metrics(retailer, second)
    assert found["deviance_less_last_model"][0] > 0
    assert found["new_model_refused"] == (
        1.0,
        "alarm; the last model of purchases does better and stays",
        day("2017-11-15"),
    )
    # Of buying the parameters of the second night, of spend those of tonight.
    kept = dict.fromkeys(["buying_model", "held_out_error"])
    kept |= {f"{name}{end}": None for name in ("r", "alpha", "a", "b") for end in ("", "_standard_error")}
    for metric in kept:
        assert (found[metric][0], found[metric][2]) == (before[metric][0], day(SECOND)), metric
    assert found["r"][1] == "last_good"
    rest = {metric: through for metric, (_, _, through) in found.items() if metric not in kept}
    assert set(rest.values()) == {day("2017-11-15")}
    rows = {row[0]: row for row in retailer.rows(night, "clv_model")}
    assert rows["buying"] == {row[0]: row for row in retailer.rows(second, "clv_model")}["buying"]
    assert rows["spend"][3] == day("2017-11-15")
    drift = metrics(retailer, night, "clv_drift")
    assert drift["model_age_days"] == (7.0, "days since the last day that the model learnt from", day(SECOND))
    assert drift["spend_model_age_days"][::2] == (0.0, day("2017-11-15"))
    assert {drift[f"psi_{name}"][2] for name in ("p_alive", "days_between_purchases")} == {day(SECOND)}
    warnings = model_warnings(night.lake, night.lake.manifest(night.run_date))
    short, refused = warnings
    assert short.startswith("model clv, history_days 322: the total of the horizon, and its interval, know of neither")
    assert refused == "model clv, new_model_refused 1: the last model of purchases does better and stays"

    # More than 35 days after its fit the model is flagged; the comparison is on all days since then. Young customers
    # that the last model does not tell apart leave the total without an interval.
    monkeypatch.setattr(population, "compare_young", lambda _: YoungCohort(100, 50.0, 100.0, 1e-9))
    night = deliver_and_load(retailer, LATER)
    found = metrics(retailer, night)
    assert "customers bought in the last 42 days: " in found["deviance_less_last_model"][1]
    assert found["r"][2] == day(SECOND)
    value, note, _ = metrics(retailer, night, "clv_drift")["model_age_days"]
    assert (value, note.startswith("alarm; "), "more than 35 days" in note) == (42.0, True, True)
    warned = [words.split(":")[0] for words in model_warnings(night.lake, night.lake.manifest(night.run_date))]
    assert warned == [
        f"model clv, {metric}"
        for metric in ("history_days 357", "model_age_days 42", "new_model_refused 1", "young_ratio 0.5")
    ]
    why = "young customers buy unlike earlier ones, and the last model stays, which does not tell them apart"
    assert found["young_ratio"][1].endswith(why)
    forecast = metrics(retailer, night, "clv_forecast")
    assert forecast["forecast_purchases"][0] > 0
    assert forecast["forecast_purchases_low"][:2] == (None, f"lower end unknown: {why}")


def test_a_refused_model_of_spend_leaves_the_last_one(retailer, second, monkeypatch):
    fit = score.fit_spend

    def too_much(*args):
        made = fit(*args)
        return replace(made, parameters=replace(made.parameters, v=9 * made.parameters.v, q=2 * made.parameters.q))

    monkeypatch.setattr("pipelines.scoring.clv.fit_spend", too_much)
    monkeypatch.setattr("pipelines.scoring.fitting.fit_recipe", lambda *_: "another")  # so that it is fitted
    night = deliver_and_load(retailer, "2017-11-09")
    found = metrics(retailer, night)
    assert found["spend_new_model_refused"][:2] == (1.0, "alarm; the last model of spend does better and stays")
    for metric in ("p", "q", "v", "population_mean_spend"):
        assert found[metric][::2] == (metrics(retailer, second)[metric][0], day(SECOND))
    assert found["r"][2] == day("2017-11-09")
    assert metrics(retailer, night, "clv_drift")["spend_model_age_days"][0] == 1.0


def test_a_model_of_another_target_is_not_compared(retailer, first, second, monkeypatch):
    monkeypatch.setenv("LOYALTY_GIFT_CARD_CATEGORIES", '["gift"]')
    load_settings.cache_clear()
    night = deliver_and_load(retailer, "2017-11-11")
    found, taken = metrics(retailer, night), "the new model is published without being held against an earlier one: "
    settings = "buying_model, amounts_include_tax, gift_card_categories"
    assert found["deviance_less_last_model"][:2] == (
        None,
        f"{taken}the earlier one was fitted by other settings ({settings})",
    )
    assert found["r"][2] == day("2017-11-11")
    monkeypatch.undo()
    load_settings.cache_clear()


def test_an_artefact_of_before_there_were_targets_and_bins_is_neither_compared_nor_watched(retailer, first):
    spend = SpendParameters(p=2.0, q=4.0, v=60.0)
    old = {"parameters": spend.to_json(), "trained_through": FIRST_DAY, "target_definition": None, "bins": None}
    result = score._compared(spend, old, lambda _: pd.DataFrame(), first, retailer.settings)
    assert (result.is_refused, result.quality[0][1]) == (False, None)
    assert "the earlier one was fitted by other settings" in result.quality[0][2]
    assert kept_bins(old, retailer.settings, score._BINS_SET_BY) == {}


def test_parameters_of_spend_of_another_kind_are_read_and_compared(retailer, first, second):
    gamma_gamma = '{"p": 2.0, "q": 4.0, "v": 60.0, "covariance": null}'  # as earlier versions wrote it
    same = SpendMoments(40.0, 0.0, 0.0, "")
    target = {"trained_through": day(FIRST), "target_definition": score._target(retailer.settings)}
    columns = ("customer_id", "frequency", "recency_days", "age_days", "repeat_revenue", "purchase_days", "spend")
    outcomes = pd.DataFrame([(f"c{n}", 1, 5, 9, 40.0, 2, 80.0) for n in range(40)], columns=columns)
    for challenger, kept in (
        (same, gamma_gamma),
        (SpendParameters(2.0, 4.0, 60.0), same.to_json()),
        (same, same.to_json()),
    ):
        result = score._compared(
            challenger, {"parameters": kept, **target}, lambda _: outcomes, second, retailer.settings
        )
        assert result.quality[0][0] == "spend_deviance_less_last_model"
        assert result.quality[0][1] is not None


def test_outcomes_are_of_those_who_were_known_and_by_what_was_known(retailer, first):
    days = {"old": [10, 20, 300], "once": [30], "new": [299], "back": [5, 280]}
    with DuckDBEngine(first, retailer.settings) as engine:
        rows = [(c, FIRST_DAY + timedelta(n), 10 + n / 100) for c, on in days.items() for n in on]
        rows.append(("returned", FIRST_DAY, 0.0))
        frame = pd.DataFrame(rows, columns=["customer_id", "business_date", "net_spend"])
        engine.connection.register("frame", frame)
        engine.rows(
            "CREATE TABLE customer_day AS SELECT customer_id, CAST(business_date AS DATE) AS business_date, "
            "CAST(net_spend AS DECIMAL(18, 2)) AS net_spend, net_spend AS sale_revenue FROM frame"
        )
        engine.rows(
            "CREATE TABLE taken_back (customer_id VARCHAR, business_date DATE, as_of_date DATE, revenue DECIMAL)"
        )
        engine.rows("CREATE TABLE shopper AS SELECT DISTINCT customer_id FROM frame WHERE customer_id <> 'once'")
        found = score._outcomes(engine, FIRST_DAY + timedelta(308), retailer.settings, 28)
    expected = [("back", 1, 275, 275, 12.8, 0, 0.0), ("old", 1, 10, 270, 10.2, 1, 13.0)]
    assert list(found.itertuples(index=False, name=None)) == expected


def test_many_customers_are_compared_on_a_fixed_part(retailer, first, second, monkeypatch):
    monkeypatch.setattr("pipelines.scoring.clv.COMPARED_CUSTOMERS", 45)
    drawn = []
    for night in (first, second):
        with DuckDBEngine(night, retailer.settings) as engine:
            for name in ("customer_purchase_pattern", "service_account"):
                retailer._register(name, night, night.lake.manifest(night.run_date), engine)
            score._sample_shoppers(engine)
            drawn.append({row[0] for row in engine.rows("SELECT customer_id FROM shopper")})
    assert drawn[0] == drawn[1]
    assert 30 < len(drawn[0]) < 60


# Drift


def test_drift_needs_2000_active_customers(retailer, first):
    found = metrics(retailer, first, "clv_drift")
    inputs = {"days_between_purchases", "days_since_last_purchase", "mean_repeat_value"}
    scores = {"p_alive", "expected_purchases", "expected_purchase_day_value"}
    assert found.keys() == {f"psi_{name}" for name in inputs | scores} | {"model_age_days", "spend_model_age_days"}
    active = sum(305 - max(on for on in days if on <= 304) <= 90 for days in buyers().values())
    assert found["psi_p_alive"] == (None, f"{active} active customers tonight; 2,000 are needed", day(FIRST))


def test_nothing_has_moved_on_the_night_of_the_fit_and_dearer_days_are_an_alarm(retailer, first, monkeypatch):
    monkeypatch.setattr("models.evaluation.drift.MIN_CUSTOMERS", 40)
    monkeypatch.setattr("pipelines.scoring.clv.BATCH_ROWS", 7)
    same = metrics(retailer, deliver_and_load(retailer, FIRST, receipts=receipts(buyers())), "clv_drift")
    assert same["psi_mean_repeat_value"][:2] == (
        0.0,
        "stable; population stability index of active customers against the night of the fit",
    )
    assert same["psi_expected_purchases"][0] == 0.0
    monkeypatch.setattr("models.clv.buying.MIN_REPEAT_CUSTOMERS", 1000)  # so that the model stays
    dear = {customer: [300 + n % 8, 309 + n % 3] for n, customer in enumerate(buyers()) if n % 3}
    night = deliver_and_load(retailer, "2017-11-12", receipts=receipts(dear, times=90))
    moved = metrics(retailer, night, "clv_drift")
    assert moved["psi_mean_repeat_value"][0] > 0.25
    assert moved["psi_mean_repeat_value"][1].startswith("alarm; ")
    assert any(
        words.startswith("model clv, psi_expected_purchase_day_value ")
        for words in model_warnings(Lake(retailer.home), night.lake.manifest(night.run_date))
    )


def test_scores_of_another_horizon_are_not_measured_against_these_bins(retailer, first, second, monkeypatch):
    monkeypatch.setattr("models.clv.buying.MIN_REPEAT_CUSTOMERS", 1000)
    monkeypatch.setenv("LOYALTY_CLV_HORIZON_DAYS", "30")
    load_settings.cache_clear()
    found = metrics(retailer, deliver_and_load(retailer, "2017-11-13"), "clv_drift")
    monkeypatch.undo()
    load_settings.cache_clear()
    assert found["psi_expected_purchases"][:2] == (
        None,
        "no bins: the model was fitted by other settings (active_days, clv_horizon_days)",
    )
    assert found["model_age_days"][0] >= 1

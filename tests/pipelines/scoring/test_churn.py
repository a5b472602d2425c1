"""Churn in a night: what is known at a cut-off, who is learnt from, what one fit tells the next, scores in batches."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from models.churn.artefact import from_artefact, to_artefact
from models.churn.model import ChampionState, Curve, Scorer
from models.churn.score import score_churn
from models.churn.season import Season
from models.evaluation.compare import LossDifference
from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.publishing.run_summary import _models_to_doubt
from pipelines.scoring import churn as score
from pipelines.scoring.fitting import cut_offs, md5_share, quality_rows
from pipelines.settings import Settings
from pipelines.store.lake import Lake, Night
from pipelines.store.manifest import TableState
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import feature_dates, parameters

NIGHT = date(2024, 12, 31)
CUT_OFFS = [NIGHT - timedelta(90 * n) for n in (4, 3, 2, 1)]


def order_days(customers: int = 1500, seed: int = 3) -> pa.Table:
    """customer_day of customers who join, buy at a rate of their own and may leave, over three years."""
    random = np.random.default_rng(seed)
    days = []
    for number in range(customers):
        day, rate, leaves = random.uniform(0, 1000), random.gamma(1.2, 1 / 35), random.beta(0.8, 6)
        while day < 1096:
            days.append((f"c{number:04d}", NIGHT - timedelta(1095 - int(day)), 1, round(random.exponential(20), 2)))
            if random.random() < leaves:
                break
            day += random.exponential(1 / rate)
    return customer_days(days)


def customer_days(days: list[tuple[str, date, int, float]]) -> pa.Table:
    """customer_day from customer, day, orders (0: a return) and revenue; several of a day are one row."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE day (customer_id VARCHAR, business_date DATE, orders INTEGER, revenue DOUBLE)")
        columns = zip(*days, strict=True)
        names = ("customer_id", "business_date", "orders", "revenue")
        connection.register("given", pa.table(dict(zip(names, map(list, columns), strict=True))))
        connection.execute("INSERT INTO day FROM given")
        types = {column.name: column.type for column in contract_of("customer_day").columns}
        made = {
            "customer_id": "customer_id",
            "business_date": "business_date",
            "order_count": "SUM(orders)",
            "return_count": "COUNT(*) FILTER (orders = 0)",
            "promo_order_count": "0",
            "offer_order_count": "0",
            "online_order_count": "0",
            "channel_order_count": "0",
            "net_revenue": "SUM(revenue)",
            "sale_revenue": "SUM(GREATEST(revenue, 0))",
            "net_spend": "SUM(GREATEST(revenue, 0))",
            "known_date": f"DATE '{NIGHT}'",
        }
        select = ", ".join(f"CAST({made.get(name, 'NULL')} AS {kind}) AS {name}" for name, kind in types.items())
        return connection.execute(
            f"SELECT {select} FROM day GROUP BY customer_id, business_date ORDER BY ALL"
        ).to_arrow_table()


class Shop:
    """An engine that holds a night's inputs of churn, and settings."""

    def __init__(self, engine: DuckDBEngine, night: Night, settings: Settings) -> None:
        self.engine, self.night, self.settings = engine, night, settings
        for name, rows in parameters(night.run_date, settings).items():
            engine.register_arrow(name, rows)
        for table in (tables()["churn_fit"], tables()["customer_churn"]):
            for name in (*table.inputs, *(f"history.{name}" for name in table.history)):
                engine.register(name, engine.select_of(TableState(), contract_of(name.removeprefix("history."))))
        for name in ("cut_off", "customer_outcome"):
            engine.register(name, tables()[name].sql)

    def give(self, name: str, rows: pa.Table) -> None:
        stored = "given_" + name.replace(".", "_")
        self.engine.register_arrow(stored, rows)
        columns = ", ".join(
            f"CAST({column.name} AS {column.type}) AS {column.name}"
            if column.name in rows.column_names
            else f"CAST(NULL AS {column.type}) AS {column.name}"
            for column in contract_of(name.removeprefix("history.")).columns
        )
        self.engine.register(name, f"SELECT {columns} FROM {stored}")
        if name in ("customer_day", "service_account"):
            score._sample_shopper_days(self.engine)

    def features(self, days: list[date]) -> pa.Table:
        return score._features_as_of(days, self.night.run_date, self.engine, self.settings)[0]

    def fit(self) -> dict[str, pa.Table]:
        return score.churn_fit(self.engine, self.night, self.settings)

    def scored(self) -> dict[str, pa.Table]:
        self.engine.register_arrow("feature_date", feature_dates([self.night.run_date], self.settings))
        self.give("customer_features", self.engine.arrow(tables()["customer_features"].sql))
        made = score.customer_churn(self.engine, self.night, self.settings)
        return {n: self.engine.arrow(rows) if isinstance(rows, str) else rows for n, rows in made.items()}


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    settings = Settings(_env_file=None, home=tmp_path, memory_limit="1GB", threads=1)
    night = Lake(tmp_path).open_night(NIGHT, "case")
    with DuckDBEngine(night, settings) as engine:
        yield Shop(engine, night, settings)


@pytest.fixture(scope="module")
def days() -> pa.Table:
    return order_days()


def metrics(rows: pa.Table) -> dict[str, tuple[float | None, str]]:
    return {row["metric"]: (row["value"], row["note"]) for row in rows.to_pylist()}


# What is known at a cut-off


def test_what_comes_after_a_cut_off_changes_no_feature_and_no_p_alive(shop, days):
    cut_off = CUT_OFFS[2]
    shop.give("customer_day", days.filter(pc.less_equal(days["business_date"], cut_off)))
    before = shop.features([cut_off])
    later = [(f"c{n:04d}", cut_off + timedelta(1), 3, 900.0) for n in range(0, 1500, 2)]
    later += [(f"c{n:04d}", cut_off + timedelta(2), 0, -900.0) for n in range(0, 1500, 3)]  # and brought back
    later += [(f"new{n}", cut_off + timedelta(5), 1, 50.0) for n in range(300)]
    shop.give("customer_day", pa.concat_tables([days, customer_days(later)]))
    after = shop.features([cut_off])
    assert len(after) > 500
    known = [name for name in before.column_names if name not in ("has_churned", "spend_next", "spend_last_complete")]
    assert after.select(known).equals(before.select(known))
    assert "p_alive" in known
    assert after["has_churned"] != before["has_churned"]


def landed(days: pa.Table, *nights: date) -> pa.Table:
    """The days, each known since the first of some nights that is not before it."""
    known = [min(night for night in nights if night >= day) for day in days["business_date"].to_pylist()]
    place = days.column_names.index("known_date")
    return days.set_column(place, "known_date", pa.array(known, pa.date32()))


def test_what_landed_after_a_cut_off_changes_no_feature_and_no_p_alive(shop, days):
    first, cut_off = CUT_OFFS[0], CUT_OFFS[2]
    nights = [first + timedelta(n) for n in range((NIGHT - first).days + 1)]
    told = landed(days, *nights)
    shop.give("customer_day", told)
    before = shop.features([cut_off])
    assert before.equals(featured(shop, days, cut_off)), "day by day all that is dated up to a night is known in it"
    own = {tuple(row.values()) for row in days.select(["customer_id", "business_date"]).to_pylist()}
    orders = [(f"c{n:04d}", cut_off - timedelta(n % 40)) for n in range(0, 1500, 2)]
    orders += [(f"new{n}", cut_off) for n in range(300)]
    late = customer_days([(name, day, 1, 70.0) for name, day in orders if (name, day) not in own])
    shop.give("customer_day", pa.concat_tables([told, landed(late, NIGHT)]))  # a leak: they came long after
    after = shop.features([cut_off])
    assert after.drop_columns("spend_last_complete").equals(before.drop_columns("spend_last_complete"))
    assert after["spend_last_complete"] != before["spend_last_complete"], "the label knows of them"
    shop.give("customer_day", pa.concat_tables([told, landed(late, *nights)]))  # had they come in time
    assert len(shop.features([cut_off])) > len(before) + 200


def featured(shop: Shop, days: pa.Table, cut_off: date) -> pa.Table:
    shop.give("customer_day", days)
    return shop.features([cut_off])


def test_before_the_first_night_all_is_known_by_its_date(shop, days):
    cut_off = CUT_OFFS[2]
    two_loads = landed(days, cut_off + timedelta(1), NIGHT)
    assert featured(shop, two_loads, cut_off).equals(featured(shop, days, cut_off))


def ago(*days: int) -> list[date]:
    return [NIGHT - timedelta(n) for n in days]


@pytest.mark.parametrize(
    ("nights", "expected"),
    [
        (range(7 * 100, -1, -7), (364, 273, 182, 91)),  # weekly: a week's receipts are there on each
        (range(6 + 7 * 100, 5, -7), (364, 273, 182, 91)),  # tonight is six days after the last ones: so is each
        ((100, 0), (370, 280, 190, 100)),  # the first night brought all history, the second all that came since
        ((119, 0), (360, 270, 180, 90)),  # nobody was told anything for more than four weeks
        (range(30, -1, -1), (360, 270, 180, 90)),
    ],
)
def test_cut_offs_lie_as_long_after_the_last_receipts_as_tonight_does(shop, days, nights, expected):
    known = days.filter(pc.less_equal(days["business_date"], NIGHT - timedelta(nights[-1])))
    shop.give("customer_day", landed(known, *ago(*nights)))
    assert cut_offs(shop.engine, NIGHT, timedelta(90), shop.settings) == ago(*expected)


def test_a_first_try_before_the_history_costs_no_forecast(shop, days):
    nightly = ago(*range(60, -1, -1))
    tried = landed(days.filter(pc.less_equal(days["business_date"], NIGHT - timedelta(150))).slice(0, 20), *ago(150))
    shop.give("customer_day", pa.concat_tables([tried, landed(days, *nightly).slice(20)]))
    assert cut_offs(shop.engine, NIGHT, timedelta(90), shop.settings) == CUT_OFFS
    assert len(shop.fit()["churn_model"]) == 1


def test_churn_learns_from_no_outcome_and_no_number_twice(shop, days):
    shop.give("customer_day", days)
    made = shop.fit()
    model = from_artefact(*(made["churn_model"][name][0].as_py() for name in ("artefact", "parameters")))
    known = {column.name for column in contract_of("customer_features").columns}
    others = {"customer_id", "as_of_date", "is_active", "has_churned", "spend_next", "spend_last_complete"}
    others |= {"order_day_count_365d", "spend_last", "spend_before"}
    assert model.bins.keys() == known - others - {"online_share"} | {"p_alive", "score"}  # no channel is known here
    assert "left_out_features" not in metrics(made["churn_fit"])


def test_several_cut_offs_in_one_pass_are_those_of_each_alone(shop, days):
    shop.give("customer_day", days)
    together = shop.features(CUT_OFFS)
    alone = pa.concat_tables([shop.features([day]) for day in CUT_OFFS])
    assert together.equals(alone)


def test_cut_offs_without_half_a_year_of_history_are_left_out_but_for_the_last_two(shop, days):
    def found(first: date) -> list[date]:
        shop.give("customer_day", days.filter(pc.greater_equal(days["business_date"], first)))
        return cut_offs(shop.engine, NIGHT, timedelta(90), shop.settings)

    assert found(date(2022, 1, 1)) == CUT_OFFS
    assert found(CUT_OFFS[1] - timedelta(185)) == CUT_OFFS[1:]
    assert found(CUT_OFFS[3]) == CUT_OFFS[2:]


# The season


def test_outcomes_are_counted_at_dates_four_weeks_apart_among_the_active(shop):
    known, at = NIGHT - timedelta(112), NIGHT - timedelta(140)  # the last two dates with a known outcome
    first = NIGHT - timedelta(400)
    orders = [
        ("first", first),
        ("first", first + timedelta(80)),
        ("stays", at - timedelta(10)),
        ("stays", known),
        ("late", at - timedelta(10)),
        ("late", at + timedelta(91)),
        ("gone", at - timedelta(89)),
        ("silent", at - timedelta(90)),
        ("back", at),
        ("back", at + timedelta(90)),
        ("returns", at),
    ]
    days = [(name, on, 1, 9.0) for name, on in orders] + [("returns", at + timedelta(3), 0, -9.0)]
    shop.give("customer_day", customer_days([*days, ("till", at, 1, 9.0)]))
    shop.give("service_account", pa.table({"customer_id": ["till"]}))
    found = score._outcomes_by_date(shop.engine, NIGHT, timedelta(90), shop.settings)
    assert (found.window, found.night) == (timedelta(90), NIGHT)
    rows = {tuple(row) for row in found.rows.itertuples(index=False)}
    assert {row for row in rows if row[0] >= at} == {
        (at, 0, 2, 1),  # back is back on the last day of the window, returns is not: a return is no order
        (at, 10, 2, 1),  # stays, and late, who is a day late
        (at, 89, 1, 1),  # gone; silent is not active
        (known, 0, 1, 1),
        (known, 28, 2, 1),  # back on day 62 of this window, and returns
        (known, 38, 1, 0),
    }
    # The active are known from 90 days after the first day.
    assert min(found.rows["as_of_date"]) == NIGHT - timedelta(308)
    assert {(NIGHT - day).days % 28 for day, *_ in rows} == {0}


def test_outcomes_leave_out_the_lead_days(shop, monkeypatch):
    at = NIGHT - timedelta(112)
    days = [("early", at), ("early", at + timedelta(5)), ("both", at), ("both", at + timedelta(5))]
    days += [("both", at + timedelta(6)), ("first", NIGHT - timedelta(300))]
    shop.give("customer_day", customer_days([(name, on, 1, 9.0) for name, on in days]))
    settings = shop.settings.model_copy(update={"churn_lead_days": 5})
    rows = score._outcomes_by_date(shop.engine, NIGHT, timedelta(95), settings).rows
    assert rows[rows["as_of_date"] == at].to_numpy().tolist() == [[at, 0, 2, 1]]


def test_a_retailer_of_few_days_has_no_outcomes(shop):
    for days in ([], [("one", NIGHT, 1, 9.0)]):
        if days:
            shop.give("customer_day", customer_days(days))
        else:
            score._sample_shopper_days(shop.engine)
        found = score._outcomes_by_date(shop.engine, NIGHT, timedelta(90), shop.settings)
        assert found.rows.empty
        assert found.season(NIGHT, [NIGHT - timedelta(90)]) == Season()


# Who is learnt from


def test_service_accounts_are_not_learnt_from(shop, days):
    shop.give("customer_day", days)
    without, without_buying = score._features_as_of(CUT_OFFS, NIGHT, shop.engine, shop.settings)
    till = [(name, NIGHT - timedelta(n), 90, 900.0) for name in ("till", "till2") for n in range(900)]
    shop.give("customer_day", pa.concat_tables([days, customer_days(till)]))
    shop.give("service_account", pa.table({"customer_id": ["till", "till2"]}))
    found, buying = score._features_as_of(CUT_OFFS, NIGHT, shop.engine, shop.settings)
    assert found.equals(without)
    assert buying == without_buying


def test_many_customers_are_learnt_from_a_sample_of_them(shop, days, monkeypatch):
    monkeypatch.setattr(score, "BUYING_CUSTOMERS", 700)
    shop.give("customer_day", days)
    half = f"md5(customer_id)[9:16] <= '{md5_share(0.5)}'"
    drawn = shop.engine.rows(f"SELECT COUNT(DISTINCT customer_id) FROM customer_day WHERE {half}")[0][0]
    assert 600 < drawn < 900
    sampled = score._buying_as_of([NIGHT], shop.engine, shop.settings)[NIGHT]
    monkeypatch.undo()
    shop.give("customer_day", days)
    whole = score._buying_as_of([NIGHT], shop.engine, shop.settings)[NIGHT]
    assert sampled != whole
    assert sampled.r / sampled.alpha == pytest.approx(whole.r / whole.alpha, rel=0.25)


# From fit to fit


def test_a_fit_and_its_scores_come_out_and_the_next_fit_knows_them(shop, days):
    shop.give("customer_day", days)
    first = shop.fit()
    found = metrics(first["churn_fit"])
    assert found["method"][1].startswith(
        "gradient_boosting: learnt at 2024-01-06, 2024-04-05, 2024-07-04, judged at 2024-10-02"
    )
    assert {"auc", "auc_p_alive", "auc_days_since_last_order", "calibration_slope", "top_decile_lift"} <= found.keys()
    shop.give("churn_model", first["churn_model"])
    made = shop.scored()
    scored = made["customer_churn"]
    assert len(scored) > 800
    assert scored.column_names == [column.name for column in contract_of("customer_churn").columns]
    assert scored["customer_id"].to_pylist() == sorted(scored["customer_id"].to_pylist())
    assert set(scored["method"].to_pylist()) == {"gradient_boosting"}
    assert metrics(made["churn_drift"])["model_age_days"] == (
        0,
        "days since the last day that the model learnt from",
    )
    assert metrics(made["churn_drift"])["psi_score"][0] is None  # fewer than 2,000 active customers

    # The next fit, a baseline having been published before: one win is not yet a switch.
    model = from_artefact(*(first["churn_model"][name][0].as_py() for name in ("artefact", "parameters")))
    curve = Scorer(("p_alive",), Curve((0.0, 1.0), (0.9, 0.1)))
    state = ChampionState("p_alive", "gradient_boosting", 1)
    other = to_artefact(replace(model, method="p_alive", published=curve, holdout_scorer=curve, champion_state=state))
    shop.give("history.churn_fit", first["churn_fit"])
    shop.give("history.churn_model", pa.table({"artefact": [other[0]], "parameters": [other[1]]}))
    again = shop.fit()
    assert metrics(again["churn_fit"])["method"][1].startswith("p_alive: ")
    assert metrics(again["churn_fit"])["wins_in_a_row"][0] == 2
    assert "brier_less_last_model" in metrics(again["churn_fit"])
    # A rerun of the same night reads the same history.
    assert shop.fit()["churn_fit"].equals(again["churn_fit"])
    assert shop.fit()["churn_model"]["parameters"].equals(again["churn_model"]["parameters"])


def test_a_kept_models_numbers_have_its_own_day_and_the_attempts_have_tonights(shop, days, monkeypatch):
    shop.give("customer_day", days)
    first = shop.fit()
    assert set(first["churn_fit"]["trained_through"].to_pylist()) == {CUT_OFFS[-1]}
    model = from_artefact(*(first["churn_model"][name][0].as_py() for name in ("artefact", "parameters")))
    before = date(2024, 9, 25)
    last = to_artefact(replace(model, training=model.training | {"last_cut_off": f"{before}"}))
    shop.give("history.churn_fit", first["churn_fit"])
    shop.give("history.churn_model", pa.table({"artefact": [last[0]], "parameters": [last[1]]}))

    def days_of(fit: dict[str, pa.Table]) -> dict[date, set[str]]:
        (kept,) = fit["churn_model"]["parameters"].to_pylist()
        assert json.loads(kept)["training"] == json.loads(last[1])["training"]
        found: dict[date, set[str]] = {}
        for row in fit["churn_fit"].to_pylist():
            found.setdefault(row["trained_through"], set()).add(row["metric"])
        return found

    with monkeypatch.context() as patch:
        patch.setattr("models.evaluation.challenge.paired_bootstrap", lambda *_: LossDifference(0.2, 0.1, 0.3))
        refused = days_of(shop.fit())
    assert refused.keys() == {before, CUT_OFFS[-1]}
    assert {"training_rows", "reasons_explain", "auc", "brier", "calibration_slope", "customers"} <= refused[before]
    attempt = {"method", "winner", "new_model_refused", "brier_less_last_model", "auc_gradient_boosting"}
    assert attempt <= refused[CUT_OFFS[-1]]

    shop.give("customer_day", days.filter(pc.less(days["customer_id"], "c0030")))
    failed = shop.fit()
    assert "the last one stays" in metrics(failed["churn_fit"])["method"][1]
    assert days_of(failed) == {before: {"training_rows", "reasons_explain", "season_shift"}, CUT_OFFS[-1]: {"method"}}


def test_scores_and_drift_are_the_same_in_batches_of_any_size(shop, days, monkeypatch):
    monkeypatch.setattr("models.evaluation.drift.MIN_CUSTOMERS", 100)
    shop.give("customer_day", days)
    shop.give("churn_model", shop.fit()["churn_model"])
    whole = shop.scored()
    monkeypatch.setattr(score, "BATCH_ROWS", 97)
    parts = shop.scored()
    assert parts["customer_churn"].equals(whole["customer_churn"])
    assert parts["churn_drift"].equals(whole["churn_drift"])
    drift = metrics(whole["churn_drift"])
    assert drift["psi_days_since_last_order"][1].startswith("stable; ")
    assert 0 < drift["psi_score"][0] < 0.25
    model = score._churn_model(shop.engine, "churn_model")
    features = shop.engine.arrow("SELECT * FROM customer_features ORDER BY customer_id")
    assert score_churn(model, features)[0].tolist() == whole["customer_churn"]["p_churn"].to_pylist()


def test_a_model_older_than_35_days_is_flagged(shop, days):
    shop.give("customer_day", days)
    model = from_artefact(*(shop.fit()["churn_model"][name][0].as_py() for name in ("artefact", "parameters")))
    for age, flagged in ((35, False), (36, True)):
        rows = score._drift(model, {}, NIGHT + timedelta(age), shop.settings)
        assert [(metric, value, "alarm" in note) for metric, value, note in rows] == [
            ("model_age_days", float(age), flagged)
        ]


def test_the_summary_names_a_refused_an_old_and_a_drifted_model_and_no_other(shop):
    drift = [("psi_score", 0.3, "alarm; moved"), ("psi_p_alive", 0.3, "alarm; moved"), ("model_age_days", 7.0, "")]
    fits = [("new_model_refused", 1.0, "alarm; the last one stays"), ("auc", 0.7, "")]
    old = [("model_age_days", 36.0, "alarm; too old"), ("psi_score", 0.2, "warning; moved")]
    states = {}
    clv_drift = [("psi_p_alive", 0.3, "alarm; moved"), ("psi_mean_repeat_value", 0.3, "alarm; moved")]
    clv_drift += [("model_age_days", 36.0, "alarm; old"), ("spend_model_age_days", 1.0, "days")]
    clv_fits = [("new_model_refused", 1.0, "alarm; the last one stays"), ("r", 0.7, "last_good")]
    clv_fits += [("spend_new_model_refused", 1.0, "alarm; the last one stays")]
    due_drift = [("psi_next_order_days", 0.4, "alarm; moved"), ("psi_days_between_purchases", 0.4, "alarm; moved")]
    due_drift += [("psi_p_order_again", 0.2, "warning; moved"), ("model_age_days", 36.0, "alarm; old")]
    of_models = {"churn": (drift, fits), "clv": (clv_drift, clv_fits), "growth": (old, fits)}
    tables_of = [
        (model, f"{model}_{kind}", of)
        for model, both in of_models.items()
        for kind, of in zip(("drift", "fit"), both, strict=True)
    ]
    tables_of.append(("next_order", "next_order_drift", due_drift))
    for model, name, rows in tables_of:
        shop.give(name, quality_rows(model, rows, NIGHT))
        states[name] = TableState(data_files=shop.engine.write(f"SELECT * FROM {name}", name))
    manifest = SimpleNamespace(tables=states)
    assert _models_to_doubt(shop.night.lake, manifest) == [
        "model churn, new_model_refused 1: the last one stays",
        "model churn, psi_score 0.3: moved",
        "model clv, model_age_days 36: old",
        "model clv, new_model_refused 1: the last one stays",
        "model clv, psi_p_alive 0.3: moved",
        "model clv, spend_new_model_refused 1: the last one stays",
        "model growth, model_age_days 36: too old",
        "model growth, new_model_refused 1: the last one stays",
        "model next_order, model_age_days 36: old",
        "model next_order, psi_next_order_days 0.4: moved",
    ]
    assert _models_to_doubt(shop.night.lake, SimpleNamespace(tables={})) == []


# Small data


@pytest.mark.parametrize("customers", [0, 1, 30])
def test_few_customers_get_a_row_each_without_a_forecast_and_the_reason_is_told(shop, customers):
    days = [(f"c{n}", NIGHT - timedelta(n), 1, 10.0) for n in range(customers)]
    if days:
        shop.give("customer_day", customer_days(days))
    fit = shop.fit()
    assert metrics(fit["churn_fit"])["method"] == (
        None,
        "none: no churn forecast: the history is too short for two dates with a known outcome",
    )
    assert (len(fit["churn_model"]), len(fit["churn_calibration"])) == (0, 0)
    made = shop.scored()
    assert len(made["customer_churn"]) == customers
    assert len(made["churn_drift"]) == 0
    for name in ("p_churn", "churn_tier", "method", "reason_1", "reason_2", "reason_3"):
        assert made["customer_churn"][name].null_count == customers

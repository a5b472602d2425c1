"""Growth over nights: what categories hold, who is compared with whom, choices that are logged and weighed."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from conftest import Retailer

from models.spend_growth.artefact import Regression, SpendGrowthModel
from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.publishing.run_summary import _models_to_doubt
from pipelines.scoring import spend_growth as growth
from pipelines.settings import Settings, load_settings
from pipelines.store.lake import Lake, Night
from pipelines.store.manifest import TableState
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import feature_dates, parameters


def read_by(*names: str) -> frozenset[str]:
    """These tables and all that they are made from."""
    return frozenset(names).union(*(read_by(*tables()[name].inputs) for name in names))


GROWTH = read_by("customer_growth", "customer_next_order", "customer_channel", "channel_log")
NIGHT = date(2024, 6, 30)
RECEIPT = "receipt_id,customer_id,issued_at,total_amount\n"
LINE = "receipt_id,line_number,product_id,quantity,amount\n"
PRODUCTS = "product_id,category\ntv,television\nb,bread\n"


class Till:
    """Receipts of one line each, as extracts."""

    def __init__(self) -> None:
        self.receipts, self.lines = [RECEIPT], [LINE]

    def sell(self, customer: str, day: date, product: str, amount: int) -> None:
        number = len(self.receipts)
        self.receipts.append(f"r{number},{customer},{day}T12:00:00,{amount}\n")
        self.lines.append(f"r{number},1,{product},1,{amount}\n")

    def extracts(self) -> dict[str, str]:
        return {"receipts": "".join(self.receipts), "receipt_lines": "".join(self.lines)}


def load(shop: Retailer, day: date):
    return shop.load(f"{day}", upto=("staging", "facts", "scores", "marts"), only=GROWTH)


@pytest.fixture(scope="module")
def regulars(tmp_path_factory):
    """A shop of which nothing changes, and its night."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(tmp_path_factory.mktemp("regulars")))
        load_settings.cache_clear()
        shop = opened(Retailer(load_settings().home))
        yield shop, load(shop, NIGHT)
    load_settings.cache_clear()


@pytest.fixture
def shop(retailer):
    return opened(retailer)


def opened(retailer: Retailer) -> Retailer:
    """40 customers of one year and more: all have bought one television, and bread monthly, c0 the least of it."""
    till = Till()
    for n in range(40):
        till.sell(f"c{n}", NIGHT - timedelta(400), "tv", 900)
        for month in range(12):
            till.sell(f"c{n}", NIGHT - timedelta(30 * month + n % 7), "b", 10 + n)
    crm = "customer_id,registered_at,region,email_consent,sms_consent\n"
    crm += "".join(
        f"c{n},2020-01-01,{'north' if n < 35 else 'south'},true,{str(n % 2 == 0).lower()}\n" for n in range(40)
    )
    retailer.deliver(f"{NIGHT}", crm_customers=crm, products=PRODUCTS, **till.extracts())
    return retailer


def test_nobody_buys_a_second_television_but_more_bread(regulars):
    shop, night = regulars
    columns = "category, household_count, repeated_share, is_durable"
    assert shop.rows(night, "category_capacity", columns) == [("bread", 40, 1.0, False), ("television", 40, 0.0, True)]
    rooms = {
        customer: (category, amount, total)
        for customer, category, amount, total in shop.rows(
            night, "customer_growth", "customer_id, headroom_category, headroom_category_amount, category_headroom"
        )
    }
    capacity = shop.rows(night, "category_capacity", "capacity_amount")[0][0]
    taken = (Decimal(12 * 10 * 365) / 401).quantize(Decimal("0.01"))
    assert rooms["c0"] == ("bread", capacity - taken, capacity - taken)
    assert rooms["c39"] == (None, None, Decimal("0.00"))


def test_peers_are_of_the_region_where_there_are_enough(regulars):
    shop, night = regulars
    columns = "customer_id, tenure_band, order_band, peer_region, peer_count, revenue_365d, peer_revenue, peer_headroom"
    rows = {row[0]: row[1:] for row in shop.rows(night, "customer_growth", columns)}
    north, everyone = 12 * Decimal(10 + 26), 12 * Decimal(10 + 29)
    assert rows["c0"] == ("a year or more", "8 to 15", "north", 35, Decimal(120), north, north - 120)
    assert rows["c39"] == ("a year or more", "8 to 15", "*", 40, Decimal(588), everyone, Decimal(0))


def test_regular_customers_get_a_date_after_the_night(regulars):
    shop, night = regulars
    columns = "next_order_low, next_order_date, next_order_high, method"
    for low, middle, high, method in shop.rows(night, "customer_next_order", columns):
        assert NIGHT < low <= middle <= high
        assert middle <= NIGHT + timedelta(45)
        assert method == "own_rhythm"


def test_what_was_refused_is_tried_again_the_next_night(regulars):
    shop, night = regulars
    refused = shop.rows(night, "spend_growth_fit", "metric, value, trained_through")
    assert ("method", None, NIGHT) in refused
    assert shop.rows(night, "spend_growth_model", "part") == [("rhythm",)]
    tomorrow = NIGHT + timedelta(1)
    shop.deliver(f"{tomorrow}")
    assert set(shop.rows(load(shop, tomorrow), "spend_growth_fit", "trained_through")) == {(tomorrow,)}


def test_next_orders_scored_again_with_the_nights_own_artefact_are_the_same_bytes(regulars, tmp_path):
    shop, night = regulars
    manifest = night.lake.manifest(NIGHT)
    with DuckDBEngine(night, shop.settings) as engine:
        for name in tables()["customer_next_order"].inputs:
            engine.register(name, engine.select_of(manifest.tables[name], contract_of(name)))
        made = growth.customer_next_order(engine, night, shop.settings)
        engine.register_arrow("drift", made["next_order_drift"])
        rows = {"customer_next_order": made["customer_next_order"], "next_order_drift": "SELECT * FROM drift"}
        for name, select in rows.items():
            columns = ", ".join(f"CAST({c.name} AS {c.type}) AS {c.name}" for c in contract_of(name).columns)
            engine.write_file(f"SELECT {columns} FROM ({select})", tmp_path / name)
            (before,) = manifest.tables[name].data_files
            assert (tmp_path / name).read_bytes() == night.lake.path(before.path).read_bytes()


def test_choices_are_drawn_by_month_logged_when_used_and_weighed(shop):
    first = load(shop, NIGHT)
    columns = "customer_id, chosen_channel, choice_probability, is_explored, best_channel, method"
    chosen = {row[0]: row[1:] for row in shop.rows(first, "customer_channel", columns)}
    for n in range(40):
        channel, probability, *rest = chosen[f"c{n}"]
        assert (probability, *rest) == (0.5 if n % 2 == 0 else 1.0, True, None, "observational")
        assert channel in (("email", "sms") if n % 2 == 0 else ("email",))
    assert {chosen[f"c{n}"][0] for n in range(0, 40, 2)} == {"email", "sms"}

    contacts = "contact_id,customer_id,channel,sent_at,delivered_at\n"
    sent = NIGHT + timedelta(1)
    for n in range(40):
        contacts += f"k{n},c{n},email,{sent}T09:00:00,{sent}T09:01:00\n"
    shop.deliver(f"{sent}", contacts=contacts)
    second = load(shop, sent)
    logged = shop.rows(second, "channel_log", "contact_id, customer_id, channel, choice_probability, is_explored")
    assert logged == sorted(
        (f"k{n}", f"c{n}", "email", chosen[f"c{n}"][1], True) for n in range(40) if chosen[f"c{n}"][0] == "email"
    )
    later = sent + timedelta(7)
    shop.deliver(f"{later}")
    third = load(shop, later)
    assert shop.rows(third, "channel_log", "contact_id") == [(row[0],) for row in logged]
    weights = dict(shop.rows(third, "contact_response", "customer_id, logged_weight"))
    assert weights == {
        f"c{n}": Decimal(1 / chosen[f"c{n}"][1]) if chosen[f"c{n}"][0] == "email" else 0 for n in range(40)
    }
    counts = dict(shop.rows(third, "customer_channel", "customer_id, delivered_count"))
    assert counts == {f"c{n}": 1 for n in range(40)}


def test_the_best_channel_is_published_for_customers_and_segments(shop):
    """Each got an e-mail two days before every monthly purchase, and an sms eight days after it."""
    contacts = "contact_id,customer_id,channel,sent_at,delivered_at\n"
    for n in range(40):
        for month in range(1, 12):
            bought = NIGHT - timedelta(30 * month + n % 7)
            for channel, day in (("email", bought - timedelta(2)), ("sms", bought + timedelta(8))):
                contacts += f"{channel}{n}-{month},c{n},{channel},{day}T09:00:00,{day}T09:01:00\n"
    shop.deliver(f"{NIGHT + timedelta(1)}", contacts=contacts)
    load(shop, NIGHT)
    night = load(shop, NIGHT + timedelta(1))
    rows = shop.rows(night, "customer_channel", "best_channel, p_purchase, delivered_count, method, p_sms, p_push")
    for best, p, count, method, p_sms, p_push in rows:
        assert (best, count, method, p_push) == ("email", 22, "observational", None)
        assert p > 0.8 > 0.2 > p_sms
    best = shop.rows(night, "segment_channel", "channel, is_best")
    assert set(best) == {("email", True), ("sms", False)}


# From fit to fit


class Shop:
    """An engine that holds the inputs of a night's model of growth: what customers bought in three years."""

    def __init__(self, engine: DuckDBEngine, night: Night, settings: Settings) -> None:
        self.engine, self.night, self.settings = engine, night, settings
        self.history: dict[str, pa.Table] = {}

    def on(self, day: date) -> "Shop":
        """The same shop on another night, which knows what it published before and all that was bought until then."""
        night = Lake(self.settings.home).open_night(day, f"{day}")
        shop = Shop(self.engine, night, self.settings)
        shop.history = self.history
        return shop

    def prepare(self) -> None:
        for name, rows in parameters(self.night.run_date, self.settings).items():
            self.engine.register_arrow(name, rows)
        for table in (tables()[name] for name in ("spend_growth_fit", "customer_spend_more", "customer_next_order")):
            for name in (*table.inputs, *(f"history.{name}" for name in table.history)):
                self.engine.register(
                    name, self.engine.select_of(TableState(), contract_of(name.removeprefix("history.")))
                )
        known = f"FROM given_day WHERE business_date <= DATE '{self.night.run_date}'"
        loaded = f"DATE '{self.night.run_date}' AS known_date"
        self.give("customer_day", f"SELECT *, net_revenue AS net_spend, {loaded} {known}")
        for name in ("cut_off", "customer_outcome"):
            self.engine.register(name, tables()[name].sql)
        first = f"SELECT customer_id, MIN(business_date) AS first_order_date {known} GROUP BY customer_id"
        self.give("customer_totals", first)
        for name, rows in self.history.items():
            self.engine.register_arrow(f"kept_{name}", rows)
            self.give(f"history.{name}", f"SELECT * FROM kept_{name}")

    def give(self, name: str, select: str) -> None:
        there = {row[0] for row in self.engine.rows(f"SELECT column_name FROM (DESCRIBE {select})")}
        columns = ", ".join(
            f"CAST({c.name if c.name in there else 'NULL'} AS {c.type}) AS {c.name}"
            for c in contract_of(name.removeprefix("history.")).columns
        )
        self.engine.register(name, f"SELECT {columns} FROM ({select})")

    def fit(self) -> dict[str, pa.Table]:
        self.prepare()
        made = growth.spend_growth_fit(self.engine, self.night, self.settings)
        self.history = {name: made[name] for name in ("spend_growth_fit", "spend_growth_model")}
        return made

    def scored(self) -> dict[str, pa.Table]:
        self.prepare()
        self.engine.register_arrow("tonights_model", self.history["spend_growth_model"])
        self.engine.register("spend_growth_model", "SELECT * FROM tonights_model")
        self.engine.register_arrow("feature_date", feature_dates([self.night.run_date], self.settings))
        self.engine.register_arrow("spend", self.engine.arrow(tables()["customer_features"].sql))
        self.engine.register("customer_features", "SELECT * FROM spend")
        made = growth.customer_spend_more(self.engine, self.night, self.settings)
        return {name: self.engine.arrow(rows) if isinstance(rows, str) else rows for name, rows in made.items()}

    def due(self) -> dict[str, pa.Table]:
        """The next orders, by the model that was published last."""
        self.prepare()
        self.engine.register_arrow("tonights_model", self.history["spend_growth_model"])
        self.engine.register("spend_growth_model", "SELECT * FROM tonights_model")
        patterns = self.engine.arrow(
            "SELECT customer_id, COUNT(*) - 1 AS frequency, "
            "DATE_DIFF('day', MIN(business_date), MAX(business_date)) AS recency_days, "
            f"DATE_DIFF('day', MIN(business_date), DATE '{self.night.run_date}') AS age_days "
            "FROM customer_day GROUP BY customer_id"
        )
        self.engine.register_arrow("patterns", patterns)
        self.engine.register("customer_purchase_pattern", "SELECT * FROM patterns")
        made = growth.customer_next_order(self.engine, self.night, self.settings)
        return {name: self.engine.arrow(rows) if isinstance(rows, str) else rows for name, rows in made.items()}


@pytest.fixture(scope="module")
def order_days() -> pa.Table:
    """Days of 900 customers who join, buy at a rate of their own, and may leave."""
    draw, rows = random.Random(5), []
    for n in range(900):
        day, gap, basket = draw.uniform(0, 1000), draw.uniform(8, 120), draw.uniform(10, 80)
        while day < 1155:
            rows.append((f"c{n:03d}", NIGHT + timedelta(int(day) - 1095), 1, round(basket * draw.uniform(0.5, 1.5), 2)))
            if draw.random() < 0.05:
                break
            day += max(1.0, draw.expovariate(1 / gap))
    names = ("customer_id", "business_date", "order_count", "net_revenue")
    return pa.table(dict(zip(names, map(list, zip(*sorted(set(rows)), strict=True)), strict=True)))


@contextmanager
def opened_shop(home: Path, order_days: pa.Table) -> Iterator[Shop]:
    settings = Settings(_env_file=None, home=home, memory_limit="1GB", threads=1)
    night = Lake(home).open_night(NIGHT, "case")
    with DuckDBEngine(night, settings) as engine:
        engine.register_arrow("bought", order_days)
        summed = "SELECT customer_id, business_date, SUM(order_count) AS order_count, SUM(net_revenue) AS net_revenue"
        engine.materialise("given_day", f"{summed} FROM bought GROUP BY customer_id, business_date")
        yield Shop(engine, night, settings)


@pytest.fixture
def made_up(tmp_path: Path, order_days: pa.Table) -> Iterator[Shop]:
    with opened_shop(tmp_path, order_days) as shop:
        yield shop


def said(rows: pa.Table, model: str = "growth") -> dict[str, tuple[float | None, str, date]]:
    found = [row for row in rows.to_pylist() if row["model"] == model]
    return {row["metric"]: (row["value"], row["note"], row["trained_through"]) for row in found}


def artefact(made: dict[str, pa.Table], part: str = "spend_more") -> dict:
    (row,) = (row for row in made["spend_growth_model"].to_pylist() if row["part"] == part)
    return row


def test_a_fit_says_what_it_was_learnt_on_and_the_next_is_held_against_it(made_up):
    first = made_up.fit()
    assert "brier_less_last_model" not in said(first["spend_growth_fit"])
    for part in ("spend_more", "rhythm"):
        row = artefact(first, part)
        assert (row["trained_from"], row["trained_through"]) == (NIGHT - timedelta(1095), NIGHT)
        assert set(json.loads(row["libraries"])) == {"numpy", "scikit-learn", "scipy"}
    fingerprint = artefact(first)["data_fingerprint"]
    made_up.history = {}
    assert artefact(made_up.fit())["data_fingerprint"] == fingerprint

    later = made_up.on(NIGHT + timedelta(7))
    second = later.fit()
    value, note, _ = said(second["spend_growth_fit"])["brier_less_last_model"]
    assert abs(value) < 0.02
    assert "the new one is not worse, so it is published" in note
    assert artefact(second)["trained_through"] == NIGHT + timedelta(7)
    assert artefact(second)["data_fingerprint"] != fingerprint
    drift = said(later.scored()["spend_growth_drift"])
    assert drift["model_age_days"] == (
        0.0,
        "days since the last day that the model learnt from",
        NIGHT + timedelta(7),
    )
    count = len(later.scored()["customer_spend_more"])
    told = f"{count} buyers of the last year tonight; 2,000 are needed"
    assert drift["psi_score"][:2] == drift["psi_spend_last"][:2] == (None, told)


def test_a_new_model_that_is_worse_beyond_chance_leaves_the_last_one_which_grows_old(made_up, monkeypatch):
    first = artefact(made_up.fit())
    real = growth.fit_spend_growth

    def badly_learnt(train, test, *rest):
        """Of customers whose outcomes tell nothing."""
        mixed = np.random.default_rng(1).permutation(train["spend_next"]) * 40
        return real(train.assign(spend_next=mixed), test, *rest)

    monkeypatch.setattr(growth, "fit_spend_growth", badly_learnt)
    later = made_up.on(NIGHT + timedelta(36))
    second = later.fit()
    assert artefact(second) == first
    found = said(second["spend_growth_fit"])
    assert found["new_model_refused"] == (1.0, "alarm; the last growth model predicts better and stays", NIGHT)
    assert said(second["spend_growth_fit"], "next_order")["customers"][2] == NIGHT + timedelta(36)
    scored = later.scored()
    assert set(scored["customer_spend_more"]["method"].to_pylist()) == {json.loads(first["parameters"])["method"]}
    age, note, through = said(scored["spend_growth_drift"])["model_age_days"]
    assert (age, through) == (36.0, NIGHT)
    assert note.startswith("alarm; ")
    made_up.history = {
        "spend_growth_fit": second["spend_growth_fit"],
        "spend_growth_model": second["spend_growth_model"],
    }
    assert said(made_up.on(NIGHT + timedelta(35)).scored()["spend_growth_drift"])["model_age_days"][1].startswith(
        "days since"
    )

    asked = []
    monkeypatch.setattr(growth, "is_fitted", lambda _table, _night, _settings, fitted_on: not asked.append(fitted_on))
    assert made_up.on(NIGHT + timedelta(37)).fit()["spend_growth_model"].equals(second["spend_growth_model"])
    assert asked == [NIGHT + timedelta(36)]  # a week from the refusal, not from the model that stayed


def test_drift_is_counted_over_batches_and_against_the_customers_of_the_fit(made_up, monkeypatch):
    monkeypatch.setattr("models.evaluation.drift.MIN_CUSTOMERS", 100)
    made_up.fit()
    whole = made_up.scored()
    monkeypatch.setattr(growth, "BATCH_ROWS", 97)
    parts = made_up.scored()
    assert parts["customer_spend_more"].equals(whole["customer_spend_more"])
    assert parts["spend_growth_drift"].equals(whole["spend_growth_drift"])
    drift = said(whole["spend_growth_drift"])
    assert {name for name in drift if name.startswith("psi_")} == {
        f"psi_{name}"
        for name in (
            *("days_since_last_order", "days_since_first_order", "order_day_count_365d", "revenue_365d"),
            *("spend_last", "spend_before", "score"),
        )
    }
    assert drift["psi_spend_last"][1].startswith("stable; ")
    model = SpendGrowthModel.from_json(artefact(made_up.history)["parameters"])
    level = replace(model, published=Regression(1.0, 3.0, ()))  # a score that moved for everybody
    rows = made_up.history["spend_growth_model"].to_pylist()
    rows = [row | ({"parameters": level.to_json()} if row["part"] == "spend_more" else {}) for row in rows]
    made_up.history["spend_growth_model"] = pa.Table.from_pylist(rows, schema=growth.ARTEFACT)
    index, note, _ = said(made_up.scored()["spend_growth_drift"])["psi_score"]
    assert index > 0.25
    assert note.startswith("alarm; ")


def test_a_model_that_was_written_without_its_dates_is_not_used(made_up):
    made = made_up.fit()
    old = pa.table({"part": ["rhythm", "spend_more"], "parameters": ["{}", '{"method": "logistic"}']})
    made_up.history = {"spend_growth_fit": made["spend_growth_fit"], "spend_growth_model": old}
    again = made_up.fit()
    assert "brier_less_last_model" not in said(again["spend_growth_fit"])
    assert again["spend_growth_model"].equals(made["spend_growth_model"])


@pytest.mark.parametrize("customers", [0, 1, 30])
def test_of_few_customers_no_drift_is_told_and_the_fit_says_why(made_up, customers):
    few = f"SELECT * FROM bought WHERE customer_id < 'c{customers:03d}'"
    made_up.engine.materialise("given_day", few)
    fit = made_up.fit()
    assert said(fit["spend_growth_fit"])["method"][1].startswith(
        "none: at the earlier of two dates with a known outcome "
    )
    made = made_up.scored()
    assert len(made["spend_growth_drift"]) == 0
    assert made["customer_spend_more"]["p_spend_more"].null_count == len(made["customer_spend_more"])


# The next order, from fit to fit


@pytest.fixture(scope="module")
def first_fit(tmp_path_factory: pytest.TempPathFactory, order_days: pa.Table) -> dict[str, pa.Table]:
    with opened_shop(tmp_path_factory.mktemp("first_fit"), order_days) as shop:
        shop.fit()
        return shop.history


@pytest.fixture
def fitted(made_up: Shop, first_fit: dict[str, pa.Table]) -> Shop:
    """The shop after its first fit."""
    made_up.history = dict(first_fit)
    return made_up


def due_metrics(rows: pa.Table) -> dict[str, tuple[float | None, str, date]]:
    return said(rows, "next_order")


def test_a_first_model_of_the_next_order_has_nothing_to_be_held_against_and_the_second_is_taken(fitted):
    first = fitted.history
    told = "the new model is published without being held against an earlier one: there is no earlier one"
    assert due_metrics(first["spend_growth_fit"])["log_loss_less_last_model"] == (None, told, NIGHT)
    later = fitted.on(NIGHT + timedelta(7))
    second = later.fit()
    found = due_metrics(second["spend_growth_fit"])
    value, note, _ = found["log_loss_less_last_model"]
    known = f"MIN(business_date) <= DATE '{NIGHT - timedelta(21)}'"
    count = len(fitted.engine.rows(f"SELECT customer_id FROM given_day GROUP BY customer_id HAVING {known}"))
    assert abs(value) < 0.01
    assert f"of when {count} customers next ordered in the last 28 days: " in note
    assert note.endswith("; the new one is not worse beyond chance, so it is published")
    assert "new_model_refused" not in found
    assert {through for _, _, through in found.values()} == {NIGHT + timedelta(7)}
    row = artefact(second, "rhythm")
    assert row["trained_through"] == NIGHT + timedelta(7)
    assert json.loads(row["question"]) == {"amounts_include_tax": True, "gift_card_categories": []}
    assert found["k"][0] == json.loads(row["parameters"])["k"]


def badly_fitted(monkeypatch) -> None:
    """By whatever is fitted from now on, everybody orders twenty times too late."""
    real = growth.fit_next_order

    def fitted(*args):
        fit = real(*args)
        return replace(fit, parameters=replace(fit.parameters, alpha=20 * fit.parameters.alpha))

    monkeypatch.setattr(growth, "fit_next_order", fitted)


def test_a_refused_model_of_the_next_order_leaves_the_last_one_which_grows_old(fitted, monkeypatch):
    first = fitted.history
    badly_fitted(monkeypatch)
    later = fitted.on(NIGHT + timedelta(36))
    second = later.fit()
    assert artefact(second, "rhythm") == artefact(first, "rhythm")
    found, before = due_metrics(second["spend_growth_fit"]), due_metrics(first["spend_growth_fit"])
    refused = (1.0, "alarm; the last model of the next order does better and stays", NIGHT + timedelta(36))
    assert found["new_model_refused"] == refused
    assert "customers next ordered in the last 36 days: " in found["log_loss_less_last_model"][1]
    kept = {"k", "r", "alpha", "a", "b"}
    assert {name: found[name] for name in kept} == {name: before[name] for name in kept}
    assert {through for name, (_, _, through) in found.items() if name not in kept} == {NIGHT + timedelta(36)}
    drift = due_metrics(later.due()["next_order_drift"])
    alarm = (
        "alarm; days since the last day that the model learnt from: for more than 35 days no newer one was good enough"
    )
    assert drift["model_age_days"] == (36.0, alarm, NIGHT)
    young = due_metrics(fitted.on(NIGHT + timedelta(35)).due()["next_order_drift"])
    assert young["model_age_days"] == (35.0, "days since the last day that the model learnt from", NIGHT)


def test_where_no_rhythm_can_be_seen_any_more_the_last_one_stays_and_the_reason_is_told(fitted, monkeypatch):
    first = fitted.history
    monkeypatch.setattr("models.next_order.fit.MIN_REPEAT_CUSTOMERS", 10_000)
    second = fitted.on(NIGHT + timedelta(7)).fit()
    assert artefact(second, "rhythm") == artefact(first, "rhythm")
    found = due_metrics(second["spend_growth_fit"])
    assert found["customers"][1].startswith("no model of the next order: ")
    assert found["customers"][1].endswith("; the last model stays")
    assert found["r"] == due_metrics(first["spend_growth_fit"])["r"]
    assert not {"log_likelihood", "log_loss_less_last_model"} & found.keys()


@pytest.mark.parametrize("question", [None, '{"amounts_include_tax": true, "gift_card_categories": ["gift"]}'])
def test_a_rhythm_of_other_purchases_is_not_compared(fitted, question):
    first = fitted.history
    rows = [row | {"question": question} for row in first["spend_growth_model"].to_pylist()]
    fitted.history["spend_growth_model"] = pa.Table.from_pylist(rows, schema=growth.ARTEFACT)
    second = fitted.on(NIGHT + timedelta(7)).fit()
    told = "the earlier one was fitted by other settings (amounts_include_tax, gift_card_categories)"
    value, note, _ = due_metrics(second["spend_growth_fit"])["log_loss_less_last_model"]
    assert (value, note.endswith(told)) == (None, True)
    assert artefact(second, "rhythm")["trained_through"] == NIGHT + timedelta(7)


def test_a_rhythm_of_other_purchases_does_not_stay_where_a_fit_fails(fitted, monkeypatch):
    monkeypatch.setattr("models.next_order.fit.MIN_REPEAT_CUSTOMERS", 10_000)
    rows = [
        row | {"question": '{"amounts_include_tax": true}'} for row in fitted.history["spend_growth_model"].to_pylist()
    ]
    fitted.history["spend_growth_model"] = pa.Table.from_pylist(rows, schema=growth.ARTEFACT)
    second = fitted.on(NIGHT + timedelta(7)).fit()
    assert "rhythm" not in second["spend_growth_model"]["part"].to_pylist()
    found = due_metrics(second["spend_growth_fit"])
    assert "the last model stays" not in found["customers"][1]
    assert "r" not in found


def test_an_old_night_scored_again_with_its_own_model_has_the_same_next_orders(fitted):
    its_own = fitted.history
    before = fitted.due()
    later = fitted.on(NIGHT + timedelta(36))
    later.fit()
    fitted.history = later.history
    assert not fitted.due()["customer_next_order"].equals(before["customer_next_order"])
    fitted.history = its_own
    again = fitted.due()
    assert all(again[name].equals(before[name]) for name in ("customer_next_order", "next_order_drift"))


def active(shop: Shop) -> int:
    latest = f"MAX(business_date) > DATE '{shop.night.run_date - timedelta(90)}'"
    known = f"FROM given_day WHERE business_date <= DATE '{shop.night.run_date}'"
    return len(shop.engine.rows(f"SELECT customer_id {known} GROUP BY customer_id HAVING {latest}"))


def test_drift_of_the_next_order_needs_2000_active_customers(fitted):
    drift = due_metrics(fitted.due()["next_order_drift"])
    told = (None, f"{active(fitted)} active customers tonight; 2,000 are needed", NIGHT)
    watched = ("days_between_purchases", "days_since_last_purchase", "p_order_again", "next_order_days")
    age = (0.0, "days since the last day that the model learnt from", NIGHT)
    assert drift == {f"psi_{name}": told for name in watched} | {"model_age_days": age}


def test_drift_of_the_next_order_is_counted_over_batches_against_the_active_customers_of_the_fit(fitted, monkeypatch):
    monkeypatch.setattr("models.evaluation.drift.MIN_CUSTOMERS", 100)
    monkeypatch.setattr(growth, "BATCH_ROWS", 97)
    made = fitted.due()
    stable = (0.0, "stable; population stability index of active customers against the night of the fit", NIGHT)
    drift = due_metrics(made["next_order_drift"])
    assert [drift.pop("model_age_days")[0], set(drift.values())] == [0.0, {stable}]
    later = fitted.on(NIGHT + timedelta(90))
    moved = due_metrics(later.due()["next_order_drift"])
    # Nobody has bought for 30 days: of ten bins of days since the last purchase the lowest are empty, each at .0001.
    bins = json.loads(artefact(fitted.history, "rhythm")["bins"])["bins"]["days_since_last_purchase"]
    select = f"SELECT DATE_DIFF('day', MAX(business_date), DATE '{NIGHT + timedelta(90)}') AS days FROM given_day"
    days = [row[0] for row in fitted.engine.rows(f"{select} GROUP BY customer_id HAVING days < 90")]
    counts, _ = np.histogram(days, [-1, *np.array(bins["edges"]) + 0.5, 10_000])
    now, then = (np.maximum(shares, 1e-4) for shares in (counts / len(days), np.array(bins["shares"][:-1])))
    expected = round(float(((now - then) * np.log(now / then)).sum()), 6)
    index, note, _ = moved["psi_days_since_last_purchase"]
    assert index == pytest.approx(expected, abs=1e-6)
    assert index > 0.25
    assert note.startswith("alarm; ")


def test_bins_of_another_active_window_are_not_measured_against(fitted):
    fitted.settings = fitted.settings.model_copy(update={"active_days": 60})
    drift = due_metrics(fitted.due()["next_order_drift"])
    told = "no bins: the model was fitted by other settings (active_days)"
    assert drift["psi_p_order_again"] == (None, told, NIGHT)
    assert drift["model_age_days"][0] == 0.0


def test_who_stands_for_many_is_not_watched_and_gets_a_date_like_all(fitted, monkeypatch):
    before = fitted.due()
    count = active(fitted)
    prepare = fitted.prepare
    latest = f"SELECT MAX(customer_id) FROM given_day WHERE business_date = DATE '{NIGHT}'"
    [(account,)] = fitted.engine.rows(latest)

    def with_an_account() -> None:
        prepare()
        fitted.give("service_account", f"SELECT '{account}' AS customer_id")

    monkeypatch.setattr(fitted, "prepare", with_an_account)
    after = fitted.due()
    assert after["customer_next_order"].equals(before["customer_next_order"])
    note = due_metrics(after["next_order_drift"])["psi_p_order_again"][1]
    assert note == f"{count - 1} active customers tonight; 2,000 are needed"


@pytest.mark.parametrize("customers", [0, 1, 30])
def test_of_few_customers_no_next_order_and_no_drift_of_it(made_up, customers):
    made_up.engine.materialise("given_day", f"SELECT * FROM bought WHERE customer_id < 'c{customers:03d}'")
    made_up.fit()
    made = made_up.due()
    assert len(made["next_order_drift"]) == 0
    assert made["customer_next_order"]["p_order_again"].null_count == len(made["customer_next_order"])


def test_a_home_holds_its_second_week_against_the_first(retailer, monkeypatch):
    """60 customers who buy at rates of their own for a year, and some weeks more."""
    week, late = NIGHT + timedelta(7), NIGHT + timedelta(43)
    draw, tills = random.Random(3), {day: Till() for day in (NIGHT, week, late)}
    for n in range(60):
        day, gap = NIGHT - timedelta(draw.randrange(200, 365)), draw.uniform(8, 60)
        while day <= late:
            tills[min(night for night in tills if day <= night)].sell(f"c{n}", day, "b", 10 + n % 9)
            day += timedelta(max(1, round(draw.expovariate(1 / gap))))
    nights = []
    for number, (day, till) in enumerate(tills.items()):
        retailer.deliver(
            f"{day}", **{name: text.replace("\nr", f"\nn{number}r") for name, text in till.extracts().items()}
        )
        nights.append(load(retailer, day))
        if day == week:
            badly_fitted(monkeypatch)
    columns = "metric, value, note, trained_through"
    found = [{row[0]: row[1:] for row in retailer.rows(night, "spend_growth_fit", columns)} for night in nights]
    assert found[0]["log_loss_less_last_model"][0] is None
    assert "of when 60 customers next ordered in the last 28 days: " in found[1]["log_loss_less_last_model"][1]
    assert "of when 60 customers next ordered in the last 36 days: " in found[2]["log_loss_less_last_model"][1]
    through = [retailer.rows(night, "spend_growth_model", "part, trained_through") for night in nights]
    assert through == [[("rhythm", NIGHT)], [("rhythm", week)], [("rhythm", week)]]
    assert {found[2][name] for name in ("k", "r")} == {found[1][name] for name in ("k", "r")}
    ages = [dict(retailer.rows(night, "next_order_drift", "metric, value"))["model_age_days"] for night in nights]
    assert ages == [0.0, 0.0, 36.0]
    warned = [_models_to_doubt(night.lake, night.lake.manifest(night.run_date)) for night in nights]
    assert warned[:2] == [[], []]
    assert [words.split(":")[0] for words in warned[2]] == [
        "model next_order, model_age_days 36",
        "model next_order, new_model_refused 1",
    ]

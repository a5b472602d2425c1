"""The next order from fit to fit: a new model against the one in use, what stays when it is refused, and drift."""

import json
import random
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from order_days import Shop, metrics, opened_shop
from regulars import NIGHT, Till, load

from pipelines.catalog import query, tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.publishing.night_warnings import model_warnings
from pipelines.scoring import fitting
from pipelines.scoring import next_order as due
from pipelines.tables.inputs import contract_of

FIT, MODEL = "next_order_fit", "next_order_model"


def artefact(made: dict[str, pa.Table]) -> dict:
    (row,) = made[MODEL].to_pylist()
    return row


def test_regular_customers_get_a_date_after_the_night(regulars):
    shop, night = regulars
    columns = "next_order_low, next_order_date, next_order_high, method"
    for low, middle, high, method in shop.rows(night, "customer_next_order", columns):
        assert NIGHT < low <= middle <= high
        assert middle <= NIGHT + timedelta(45)
        assert method == "own_rhythm"


def test_next_orders_scored_again_with_the_nights_own_artefact_are_the_same_bytes(regulars):
    shop, night = regulars
    manifest = night.lake.manifest(NIGHT)
    with DuckDBEngine(night, shop.settings) as engine:
        for name in tables()["customer_next_order"].inputs:
            engine.register(name, engine.select_of(manifest.tables[name], contract_of(name)))
        made = due.customer_next_order(engine, night, shop.settings)
        engine.register_arrow("drift", made["next_order_drift"])
        rows = {"customer_next_order": made["customer_next_order"], "next_order_drift": "SELECT * FROM drift"}
        for name, select in rows.items():
            columns = ", ".join(f"CAST({c.name} AS {c.type}) AS {c.name}" for c in contract_of(name).columns)
            engine.write_file(f"SELECT {columns} FROM ({select})", night.lake.home / name)
            (before,) = manifest.tables[name].data_files
            assert (night.lake.home / name).read_bytes() == night.lake.path(before.path).read_bytes()


def test_the_model_is_fitted_on_the_3000_customers_with_the_lowest_md5(made_up: Shop):
    customers = "SELECT 'c' || n AS customer_id, md5('c' || n) AS draw FROM range(3100) AS r(n)"
    made_up.engine.materialise("sampled_customer", customers)
    day = (
        f"SELECT customer_id, DATE '{NIGHT}' AS business_date, 1 AS sale_revenue, 1 AS net_spend FROM sampled_customer"
    )
    made_up.engine.materialise("sampled_day", day)
    made_up.engine.materialise("pattern_date", f"SELECT DATE '{NIGHT}' AS as_of_date")
    nothing = (
        "SELECT customer_id, business_date, business_date AS as_of_date, 0 AS revenue FROM sampled_day WHERE FALSE"
    )
    made_up.engine.materialise("taken_back", nothing)
    drawn = made_up.engine.rows(f"SELECT customer_id FROM ({query('fits/purchase_day')}) ORDER BY customer_id")
    lowest = "SELECT customer_id FROM sampled_customer ORDER BY draw LIMIT 3000"
    assert drawn == made_up.engine.rows(f"FROM ({lowest}) ORDER BY customer_id")


@pytest.fixture(scope="module")
def first_fit(tmp_path_factory: pytest.TempPathFactory, bought: pa.Table) -> dict[str, pa.Table]:
    with opened_shop(tmp_path_factory.mktemp("first_fit"), bought) as shop:
        shop.fit(FIT)
        return shop.history


@pytest.fixture
def fitted(made_up: Shop, first_fit: dict[str, pa.Table]) -> Shop:
    """The shop after its first fit."""
    made_up.history = dict(first_fit)
    return made_up


def test_a_first_model_of_the_next_order_has_nothing_to_be_held_against_and_the_second_is_taken(fitted):
    first = fitted.history
    expected_note = "the new model is published without being held against an earlier one: there is no earlier one"
    assert metrics(first[FIT])["log_loss_less_last_model"] == (None, expected_note, NIGHT)
    later = fitted.on(NIGHT + timedelta(7))
    second = later.fit(FIT)
    found = metrics(second[FIT])
    value, note, _ = found["log_loss_less_last_model"]
    known = f"MIN(business_date) <= DATE '{NIGHT - timedelta(21)}'"
    count = len(fitted.engine.rows(f"SELECT customer_id FROM given_day GROUP BY customer_id HAVING {known}"))
    assert abs(value) < 0.01
    assert f"of when {count} customers next ordered in the last 28 days: " in note
    assert note.endswith("; the new one is not worse beyond chance, so it is published")
    assert "new_model_refused" not in found
    assert {through for _, _, through in found.values()} == {NIGHT + timedelta(7)}
    row = artefact(second)
    assert row["trained_through"] == NIGHT + timedelta(7)
    assert json.loads(row["target_definition"]) == {"amounts_include_tax": True, "gift_card_categories": []}
    assert found["k"][0] == json.loads(row["parameters"])["k"]


def badly_fitted(monkeypatch) -> None:
    """By whatever is fitted from now on, everybody orders twenty times too late."""
    real = due.fit_next_order

    def fitted(*args):
        fit = real(*args)
        return replace(fit, parameters=replace(fit.parameters, alpha=20 * fit.parameters.alpha))

    monkeypatch.setattr(due, "fit_next_order", fitted)


def test_a_refused_model_of_the_next_order_leaves_the_last_one_which_grows_old(fitted, monkeypatch):
    first = fitted.history
    badly_fitted(monkeypatch)
    later = fitted.on(NIGHT + timedelta(36))
    second = later.fit(FIT)
    assert artefact(second) == artefact(first)
    found, before = metrics(second[FIT]), metrics(first[FIT])
    refused = (1.0, "alarm; the last model of the next order does better and stays", NIGHT + timedelta(36))
    assert found["new_model_refused"] == refused
    assert "customers next ordered in the last 36 days: " in found["log_loss_less_last_model"][1]
    kept = {"k", "r", "alpha", "a", "b"}
    assert {name: found[name] for name in kept} == {name: before[name] for name in kept}
    assert {through for name, (_, _, through) in found.items() if name not in kept} == {NIGHT + timedelta(36)}
    drift = metrics(later.due()["next_order_drift"])
    alarm = (
        "alarm; days since the last day that the model learnt from: for more than 35 days no newer one was good enough"
    )
    assert drift["model_age_days"] == (36.0, alarm, NIGHT)
    young = metrics(fitted.on(NIGHT + timedelta(35)).due()["next_order_drift"])
    assert young["model_age_days"] == (35.0, "days since the last day that the model learnt from", NIGHT)


def test_where_no_cadence_can_be_seen_any_more_the_last_model_stays_and_the_reason_is_noted(fitted, monkeypatch):
    first = fitted.history
    monkeypatch.setattr("models.next_order.fit.MIN_REPEAT_CUSTOMERS", 10_000)
    second = fitted.on(NIGHT + timedelta(7)).fit(FIT)
    assert artefact(second) == artefact(first)
    found = metrics(second[FIT])
    assert found["customers"][1].startswith("no model of the next order: ")
    assert found["customers"][1].endswith("; the last model stays")
    assert found["r"] == metrics(first[FIT])["r"]
    assert not {"log_likelihood", "log_loss_less_last_model"} & found.keys()


@pytest.mark.parametrize("target_definition", [None, '{"amounts_include_tax": true, "gift_card_categories": ["gift"]}'])
def test_a_model_of_other_purchases_is_not_compared(fitted, target_definition):
    first = fitted.history
    rows = [row | {"target_definition": target_definition} for row in first[MODEL].to_pylist()]
    fitted.history[MODEL] = pa.Table.from_pylist(rows, schema=fitting.ARTEFACT)
    second = fitted.on(NIGHT + timedelta(7)).fit(FIT)
    expected_note = "the earlier one was fitted by other settings (amounts_include_tax, gift_card_categories)"
    value, note, _ = metrics(second[FIT])["log_loss_less_last_model"]
    assert (value, note.endswith(expected_note)) == (None, True)
    assert artefact(second)["trained_through"] == NIGHT + timedelta(7)


def test_a_model_of_other_purchases_does_not_stay_where_a_fit_fails(fitted, monkeypatch):
    monkeypatch.setattr("models.next_order.fit.MIN_REPEAT_CUSTOMERS", 10_000)
    rows = [row | {"target_definition": '{"amounts_include_tax": true}'} for row in fitted.history[MODEL].to_pylist()]
    fitted.history[MODEL] = pa.Table.from_pylist(rows, schema=fitting.ARTEFACT)
    second = fitted.on(NIGHT + timedelta(7)).fit(FIT)
    assert len(second[MODEL]) == 0
    found = metrics(second[FIT])
    assert "the last model stays" not in found["customers"][1]
    assert "r" not in found


def test_an_old_night_scored_again_with_its_own_model_has_the_same_next_orders(fitted):
    its_own = fitted.history
    before = fitted.due()
    later = fitted.on(NIGHT + timedelta(36))
    later.fit(FIT)
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
    drift = metrics(fitted.due()["next_order_drift"])
    expected_note = (None, f"{active(fitted)} active customers tonight; 2,000 are needed", NIGHT)
    watched = ("days_between_purchases", "days_since_last_purchase", "p_order_again", "next_order_days")
    age = (0.0, "days since the last day that the model learnt from", NIGHT)
    assert drift == {f"psi_{name}": expected_note for name in watched} | {"model_age_days": age}


def test_drift_of_the_next_order_is_counted_over_batches_against_the_active_customers_of_the_fit(fitted, monkeypatch):
    monkeypatch.setattr("models.evaluation.drift.MIN_CUSTOMERS", 100)
    monkeypatch.setattr(due, "BATCH_ROWS", 97)
    made = fitted.due()
    stable = (0.0, "stable; population stability index of active customers against the night of the fit", NIGHT)
    drift = metrics(made["next_order_drift"])
    assert [drift.pop("model_age_days")[0], set(drift.values())] == [0.0, {stable}]
    later = fitted.on(NIGHT + timedelta(90))
    moved = metrics(later.due()["next_order_drift"])
    # Nobody has bought for 30 days: of ten bins of days since the last purchase the lowest are empty, each at .0001.
    bins = json.loads(artefact(fitted.history)["bins"])["bins"]["days_since_last_purchase"]
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
    drift = metrics(fitted.due()["next_order_drift"])
    expected_note = "no bins: the model was fitted by other settings (active_days)"
    assert drift["psi_p_order_again"] == (None, expected_note, NIGHT)
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
    note = metrics(after["next_order_drift"])["psi_p_order_again"][1]
    assert note == f"{count - 1} active customers tonight; 2,000 are needed"


@pytest.mark.parametrize("customers", [0, 1, 30])
def test_of_few_customers_no_next_order_and_no_drift_of_it(made_up, customers):
    made_up.engine.materialise("given_day", f"SELECT * FROM bought WHERE customer_id < 'c{customers:03d}'")
    made_up.fit(FIT)
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
    found = [{row[0]: row[1:] for row in retailer.rows(night, FIT, columns)} for night in nights]
    assert found[0]["log_loss_less_last_model"][0] is None
    assert "of when 60 customers next ordered in the last 28 days: " in found[1]["log_loss_less_last_model"][1]
    assert "of when 60 customers next ordered in the last 36 days: " in found[2]["log_loss_less_last_model"][1]
    through = [retailer.rows(night, MODEL, "component, trained_through") for night in nights]
    assert through == [[("next_order", NIGHT)], [("next_order", week)], [("next_order", week)]]
    assert {found[2][name] for name in ("k", "r")} == {found[1][name] for name in ("k", "r")}
    ages = [dict(retailer.rows(night, "next_order_drift", "metric, value"))["model_age_days"] for night in nights]
    assert ages == [0.0, 0.0, 36.0]
    warned = [
        [words for words in model_warnings(night.lake, night.lake.manifest(night.run_date)) if "next_order" in words]
        for night in nights
    ]
    # Of 60 customers the first night cannot tell beyond chance who comes sooner.
    assert ["skill_p_value" in words for words in warned[0]] == [True]
    assert warned[1] == []
    assert [words.split(":")[0] for words in warned[2] if "skill_p_value" not in words] == [
        "model next_order, model_age_days 36",
        "model next_order, new_model_refused 1",
    ]

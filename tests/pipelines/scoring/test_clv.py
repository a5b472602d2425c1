"""Lifetime value as a night makes it: whom it learns from, what its artefact says, and scoring an old night again."""

import json
from datetime import date, timedelta
from functools import partial

import pandas as pd
import pytest
from conftest import Retailer, needed

from models.clv.fit import fit_clv
from models.clv.parameters import ClvParameters
from models.clv.spend import NO_FIT
from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring import clv as score
from pipelines.settings import load_settings
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import register_feature_dates

FIRST = date(2017, 1, 1)
NEEDED = needed("customer_clv", "clv_fit")


def receipts(days: dict[str, list[int]], amount: int = 10) -> str:
    """Receipts of customers on days of the year; the amounts differ."""
    rows = [
        f"{customer}-{n},{customer},{FIRST + timedelta(day)},{amount + (7 * n + len(customer) * day) % 13}"
        for customer, bought in days.items()
        for n, day in enumerate(bought)
    ]
    return "receipt_id,customer_id,issued_at,total_amount\n" + "\n".join(rows) + "\n"


def shoppers(count: int) -> dict[str, list[int]]:
    """Customers with one to six purchase days, until now or until a while ago."""
    return {f"c{n}": [n % 90 + k * (9 + 5 * n % 71) for k in range(1 + n % 6)] for n in range(count)}


def load(retailer, night: str = "2017-12-01"):
    return retailer.load(night, upto=("staging", "facts", "scores"), only=NEEDED)


def quality(retailer, night) -> dict[str, tuple[float | None, str]]:
    return {metric: (value, note) for metric, value, note in retailer.rows(night, "clv_fit", "metric, value, note")}


@pytest.fixture(scope="module")
def retailer(tmp_path_factory):
    """One home for all: a night of December 1, and others that tests add."""
    home = tmp_path_factory.mktemp("clv") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        load_settings.cache_clear()
        yield Retailer(home)
    load_settings.cache_clear()


@pytest.fixture(scope="module")
def shop(retailer):
    retailer.deliver("2017-12-01", receipts=receipts(shoppers(120)))
    return load(retailer)


def test_models_do_not_learn_from_a_service_account(retailer, shop):
    till = {"till": [n // 60 for n in range(120)]}
    retailer.deliver("2017-12-20", receipts=receipts(till))
    night = load(retailer, "2017-12-20")
    assert retailer.rows(night, "service_account", "customer_id") == [("till",)]
    columns = ["customer_id", "frequency", "recency_days", "age_days"]
    patterns = pd.DataFrame(retailer.rows(night, "customer_purchase_pattern", ", ".join(columns)), columns=columns)
    assert "till" in set(patterns["customer_id"])
    used = ClvParameters.from_json(dict(retailer.rows(night, "clv_model", "component, parameters"))["buying"])
    expected = fit_clv(patterns[patterns["customer_id"] != "till"], model=used.model).parameters
    assert used.values == expected.values
    found = quality(retailer, night)
    assert (found["customers"][0], found["spend_customers"][0]) == (120.0, 100.0)
    assert retailer.rows(night, "customer_clv", "COUNT(*)") == [(121,)]
    of_people = "SUM(CASE WHEN customer_id <> 'till' THEN clv END), SUM(clv)"
    people, everybody = retailer.rows(night, "customer_clv", of_people)[0]
    total = dict(retailer.rows(night, "clv_forecast", "metric, value"))["forecast_clv"]
    assert total == pytest.approx(people, abs=0.005) != pytest.approx(everybody, abs=0.005)


def test_models_are_chosen_by_what_the_last_third_of_the_history_brought(retailer, shop):
    days = (date(2017, 12, 1) - FIRST).days // 3 // 7 * 7  # whole weeks
    then = 334 - days
    known = [[day for day in on if day <= 334] for on in shoppers(120).values() if on[0] <= then]
    with DuckDBEngine(shop, retailer.settings) as engine:
        manifest = shop.lake.manifest(shop.run_date)
        for name in ("customer_day", "customer_purchase_pattern", "service_account"):
            engine.register(name, engine.select_of(manifest.tables[name], contract_of(name)))
        engine.register("return_link", engine.select_of(manifest.tables["return_link"], contract_of("return_link")))
        register_feature_dates(engine, [shop.run_date], retailer.settings)
        for name in ("cut_off", "taken_back"):
            engine.register(name, tables()[name].sql)
        score._sample_shoppers(engine)
        outcomes = partial(score._outcomes, engine, shop.run_date, retailer.settings)
        past = score._holdout(outcomes, FIRST, shop.run_date, retailer.settings)
        assert score._holdout(outcomes, FIRST, FIRST + timedelta(60), retailer.settings) is None  # 20 days are too few
        assert score._holdout(outcomes, None, shop.run_date, retailer.settings) is None  # nobody ever bought
    assert (past.days, past.purchases) == (days, sum(day > then for on in known for day in on))
    before = [[day for day in on if day <= then] for on in known]
    expected = sorted((len(on) - 1, on[-1] - on[0], then - on[0]) for on in before)
    assert sorted(map(tuple, past.patterns.to_numpy().tolist())) == expected
    found = quality(retailer, shop)
    assert any(name.startswith("held_out_forecast_ratio_") for name in found)
    assert found["held_out_error"][0] > 0.5  # these habits, all alike, are none that the models know


def test_artefact_says_what_it_was_fitted_on_and_with(retailer, shop):
    columns = "component, trained_from, trained_through, libraries, data_fingerprint, parameters"
    rows = {row[0]: row[1:] for row in retailer.rows(shop, "clv_model", columns)}
    assert set(rows) == {"buying", "money", "spend", "total"}
    for trained_from, trained_through, libraries, fingerprint, _ in rows.values():
        assert (trained_from, trained_through) == (FIRST, date(2017, 12, 1))
        assert set(json.loads(libraries)) == {"autograd", "lifetimes", "numpy", "scipy"}
        assert len(fingerprint) == 64
    assert len(json.loads(rows["buying"][-1])["covariance"]) == 4
    assert json.loads(rows["spend"][-1])["reason"] == f"shrunken mean: {NO_FIT}"  # all customers spend alike, by chance


def test_an_old_night_scored_with_its_own_artefact_gives_the_same_bytes(retailer, shop):
    retailer.deliver("2017-12-09", receipts=receipts({"new": [300, 330], "c5": [333]}))
    later = load(retailer, "2017-12-09")
    fingerprints = [retailer.rows(night, "clv_model", "component, data_fingerprint") for night in (shop, later)]
    assert not set(fingerprints[0]) & set(fingerprints[1])
    manifest = shop.lake.manifest(shop.run_date)
    before = {name: manifest.tables[name].data_files[0] for name in ("customer_clv", "clv_forecast")}
    with DuckDBEngine(shop, retailer.settings) as engine:
        for name in ("customer_purchase_pattern", "clv_model", "service_account"):
            engine.register(name, engine.select_of(manifest.tables[name], contract_of(name)))
        scored = score.customer_clv(engine, shop, retailer.settings)
        engine.register_arrow("forecast", scored["clv_forecast"])
        for name, rows in (("customer_clv", scored["customer_clv"]), ("clv_forecast", "SELECT * FROM forecast")):
            columns = ", ".join(f"CAST({c.name} AS {c.type}) AS {c.name}" for c in contract_of(name).columns)
            engine.write_file(f"SELECT {columns} FROM ({rows})", retailer.home / f"{name}.parquet")
            assert (retailer.home / f"{name}.parquet").read_bytes() == shop.lake.path(before[name].path).read_bytes()


def test_a_night_loaded_again_is_the_same_whatever_the_size_of_batches(retailer, shop, monkeypatch):
    names = ("clv_fit", "clv_model", "customer_clv")
    expected = [retailer.rows(shop, name) for name in names]
    total = dict(retailer.rows(shop, "clv_forecast", "metric, value"))
    monkeypatch.setattr("pipelines.scoring.clv.BATCH_ROWS", 7)
    again = load(retailer)
    assert [retailer.rows(again, name) for name in names] == expected
    assert dict(retailer.rows(again, "clv_forecast", "metric, value")) == pytest.approx(total, abs=2e-6)


def test_forecast_is_the_sum_of_what_is_expected_of_each(retailer, shop):
    values = dict(retailer.rows(shop, "clv_forecast", "metric, value"))
    purchases, clv = retailer.rows(shop, "customer_clv", "SUM(expected_purchases), SUM(clv)")[0]
    assert values["forecast_purchases"] == pytest.approx(purchases, abs=1e-4)
    assert values["forecast_clv"] == pytest.approx(clv, abs=0.005)


def test_parameters_of_an_earlier_night_keep_their_training_window(retailer, shop, monkeypatch):
    monkeypatch.setattr("models.clv.buying.MIN_REPEAT_CUSTOMERS", 1000)
    monkeypatch.setattr("pipelines.scoring.fitting.fit_recipe", lambda *_: "another")
    retailer.deliver("2017-12-02")
    night = load(retailer, "2017-12-02")
    assert retailer.rows(night, "clv_model") == retailer.rows(shop, "clv_model")
    assert quality(retailer, night)["converged"] == (0.0, "last_good")
    days = dict(retailer.rows(night, "clv_fit", "metric, trained_through"))
    of_parameters = {metric for metric, value in quality(retailer, night).items() if value[1].startswith("last_good")}
    assert {"r", "alpha_standard_error", "spend_day_variation", "spend_customer_variation"} <= of_parameters
    kept = {*of_parameters, "buying_model", "held_out_error", "spend_model", "population_mean_spend"} - {
        "converged",
        "spend_converged",
    }
    for metric, day in days.items():  # the attempt is of tonight
        assert day == date(2017, 12, 1 if metric in kept else 2), metric
    assert "deviance_less_last_model" not in days  # nothing was fitted that could be compared
    notes = dict(retailer.rows(night, "clv_forecast", "metric, trained_through"))
    assert notes["forecast_purchases"] == date(2017, 12, 1)


def test_another_model_is_fitted_when_the_setting_says_so(retailer, shop, monkeypatch):
    assert "by likelihood the models rank " in quality(retailer, shop)["customers"][1]  # the best of three
    monkeypatch.setenv("LOYALTY_BUYING_MODEL", "bg/nbd")
    load_settings.cache_clear()
    retailer.deliver("2017-12-03")
    night = load(retailer, "2017-12-03")
    assert quality(retailer, night)["buying_model"] == (None, "bg/nbd")
    assert quality(retailer, night)["held_out_error"][0] > 0  # held back without a choice, too
    # By BG/NBD itself a one-time buyer is there for certain: p_alive is MBG/NBD's.
    assert all(p_alive < 1 for (p_alive,) in retailer.rows(night, "customer_clv", "p_alive"))


def test_a_total_has_an_interval_over_a_horizon_longer_than_the_history_too(retailer, shop, monkeypatch):
    monkeypatch.setenv("LOYALTY_CLV_HORIZON_DAYS", "700")  # after 334 days of history
    load_settings.cache_clear()
    rows = dict(retailer.rows(load(retailer), "clv_forecast", "metric, value"))
    assert 0 <= rows["forecast_purchases_low"] < rows["forecast_purchases"] < rows["forecast_purchases_high"]


def test_a_total_has_no_interval_over_less_than_four_weeks_of_history(retailer, shop, monkeypatch):
    monkeypatch.setattr("pipelines.scoring.clv_total.MIN_PAST_DAYS", 335)  # of 334
    rows = {metric: row for metric, *row in retailer.rows(load(retailer), "clv_forecast", "metric, value, note")}
    assert rows["forecast_purchases"][0] > 0
    for end in ("low", "high"):
        value, note = rows[f"forecast_purchases_{end}"]
        assert value is None
        assert note.endswith("end unknown: a history of 334 days is too short, less than 335")


def test_a_setting_that_is_no_model_is_refused(monkeypatch):
    monkeypatch.setenv("LOYALTY_BUYING_MODEL", "magic")
    load_settings.cache_clear()
    with pytest.raises(ValueError, match="buying_model"):
        load_settings()
    load_settings.cache_clear()


def at_horizons(retailer, night, monkeypatch, days: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """customer_clv and customer_clv_horizon of a night, scored again with other horizons, by its own model."""
    monkeypatch.setenv("LOYALTY_CLV_HORIZON_DAYS", days)
    load_settings.cache_clear()
    manifest, settings = night.lake.manifest(night.run_date), load_settings()
    with DuckDBEngine(night, settings) as engine:
        for name in tables()["customer_clv"].inputs:
            engine.register(name, engine.select_of(manifest.tables[name], contract_of(name)))
        made = score.customer_clv(engine, night, settings)
        engine.register_arrow("none", score.HORIZON.empty_table())
        others = made["customer_clv_horizon"]
        select = others if isinstance(others, str) else "SELECT * FROM none"
        return engine.arrow(made["customer_clv"]).to_pandas(), engine.arrow(select).to_pandas()


def test_other_horizons_come_from_the_same_fit_and_are_as_if_each_were_the_main_one(retailer, shop, monkeypatch):
    main, others = at_horizons(retailer, shop, monkeypatch, "365,90,730")
    assert set(main["horizon_days"]) == {365}
    assert sorted(set(others["horizon_days"])) == [90, 730]
    assert not others.duplicated(["customer_id", "horizon_days"]).any()
    assert len(others) == 2 * len(main)
    for days in (90, 730):
        alone, nothing = at_horizons(retailer, shop, monkeypatch, f"{days}")
        assert nothing.empty
        columns = list(others.columns)
        of_days = others[others["horizon_days"] == days].reset_index(drop=True)
        pd.testing.assert_frame_equal(of_days, alone[columns].sort_values("customer_id").reset_index(drop=True))
    by_customer = others.pivot(index="customer_id", columns="horizon_days", values="clv")
    assert (by_customer[90] <= main.set_index("customer_id")["clv"]).all()
    assert (main.set_index("customer_id")["clv"] <= by_customer[730]).all()


def test_one_horizon_has_no_row_of_another(retailer, shop):
    assert retailer.rows(shop, "customer_clv_horizon", "COUNT(*)") == [(0,)]

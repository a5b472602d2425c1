"""Backtests of a made-up shop: forecasts are those that were made, outcomes those that came, and nothing leaks."""

import csv
import fcntl
import json
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from shop import write_shop

from pipelines.backtests.replay import register_known, register_published
from pipelines.backtests.run import _growth, _origins, committed_night, run_backtest
from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import HomeBusyError, LoyaltyError
from pipelines.ops import nightly
from pipelines.publishing.backtest_summary import backtest_lines
from pipelines.settings import code_version, load_settings
from pipelines.store.lake import Lake
from pipelines.store.manifest import Backtest, Manifest
from pipelines.tables import quality
from pipelines.tables.build import make_table
from pipelines.tables.inputs import contract_of

THEN, NOW = date(2025, 4, 1), date(2025, 6, 30)  # a churn horizon apart
WITHOUT_EXPECTATIONS = frozenset(tables()) - {"batch_expectation"}
DATED = {"crm_customers": "registered_at", "receipts": "issued_at"}


def deliver_until(landing: Path, extracts: Path, night: date, after: date | None) -> None:
    """A landing folder of what a shop's extracts have for the days after one up to another.

    Some receipts of the weeks before the first folder come with the second.
    """
    folder = landing / f"{night}"
    folder.mkdir(parents=True)
    kept: set[str] = set()
    for source in ("crm_customers", "receipts", "receipt_lines", "promo_codes", "promo_redemptions"):
        with (extracts / f"{source}.csv").open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        if source in DATED:
            days = [date.fromisoformat(row[DATED[source]][:10]) for row in rows]
            late = [is_late(row, day) for row, day in zip(rows, days, strict=True)]
            new = [(after is None or after < day) and day <= night for day in days]
            came = [is_new != is_late for is_new, is_late in zip(new, late, strict=True)]
            rows = [row for row, is_there in zip(rows, came, strict=True) if is_there]
            kept |= {row["receipt_id"] for row in rows if source == "receipts"}
        elif source != "promo_codes":
            rows = [row for row in rows if row["receipt_id"] in kept]
        with (folder / f"{source}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, reader.fieldnames)
            writer.writeheader()
            writer.writerows(rows)


def is_late(row: dict[str, str], day: date) -> bool:
    """Whether what a customer bought on a day of the weeks before the first night comes with the second."""
    is_drawn = (day.toordinal() + int((row["customer_id"] or "c0")[1:])) % 5 == 0
    return "receipt_id" in row and is_drawn and THEN - timedelta(60) < day <= THEN


def load(night: date) -> Lake:
    """Load a night's tables up to the scores, without Airflow."""
    settings = load_settings()
    nightly.open_night(night, f"test {night}")
    draft = Lake(settings.home).night(night, f"test {night}")
    for table in tables().values():
        is_wanted = table.layer in ("staging", "facts", "scores") or table.name == "customer_rfm"
        if is_wanted and table.name in WITHOUT_EXPECTATIONS and table.kind != "split":
            make_table(table.name, draft, settings)
    draft.commit(code_version(), settings.model_dump(mode="json"), draft.tables())
    draft.finish()
    return draft.lake


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A home after two nights a churn horizon apart, and its backtest; CLV looks as far ahead as churn."""
    home, extracts = tmp_path_factory.mktemp("backtest"), tmp_path_factory.mktemp("extracts")
    write_shop(extracts, nights=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        patch.setenv("LOYALTY_CLV_HORIZON_DAYS", "90")
        load_settings.cache_clear()
        for night, after in ((THEN, None), (NOW, THEN)):
            deliver_until(home / "landing", extracts / f"{NOW}", night, after)
            lake = load(night)
        settings = load_settings()
        result = run_backtest(NOW, settings)
    load_settings.cache_clear()
    return SimpleNamespace(home=home, lake=lake, result=result, settings=settings)


def rows_of(shop, night, select):
    with DuckDBEngine(shop.lake.open_backtest(night), shop.settings) as engine:
        for name, state in shop.lake.manifest(night).tables.items():
            if name.startswith("customer_"):
                engine.register(name, engine.select_of(state, contract_of(name)))
        return engine.rows(select)


def group(shop, measure, kind, dimension="all", as_of=THEN):
    return [
        row
        for row in shop.result.tables["backtest"]
        if (row["measure"], row["kind"], row["dimension"], row["as_of_date"]) == (measure, kind, dimension, as_of)
    ]


def test_what_came_after_a_night_is_known_as_what_it_did_not_know(shop):
    late = (
        "SELECT COUNT(*) FROM customer_day WHERE business_date <= DATE '2025-04-01' AND known_date = DATE '2025-06-30'"
    )
    assert rows_of(shop, NOW, late)[0][0] > 100


def test_a_published_forecast_is_what_the_night_published(shop):
    (clv,) = rows_of(shop, THEN, "SELECT COUNT(expected_purchases), AVG(expected_purchases) FROM customer_clv")
    (row,) = group(shop, "purchase_days", "published")
    assert (row["customers"], row["predicted"]) == (clv[0], pytest.approx(clv[1], abs=1e-6))
    (churn,) = rows_of(shop, THEN, "SELECT COUNT(p_churn), AVG(p_churn) FROM customer_churn WHERE is_active")
    (row,) = group(shop, "churned", "published")
    assert (row["customers"], row["predicted"]) == (churn[0], pytest.approx(churn[1], abs=1e-6))


def test_what_happened_is_counted_in_the_days_after_the_forecast_alone(shop):
    known = dict(rows_of(shop, THEN, "SELECT customer_id, is_active FROM customer_churn WHERE p_churn IS NOT NULL"))
    scored = {name for (name,) in rows_of(shop, THEN, "SELECT customer_id FROM customer_clv WHERE frequency >= 0")}
    now, then = (
        rows_of(shop, night, "SELECT customer_id, business_date, order_count, net_spend FROM customer_day")
        for night in (NOW, THEN)
    )
    later = [row for row in now if THEN < row[1] <= THEN + timedelta(90)]
    before = [row for row in then if THEN - timedelta(90) < row[1]]  # the baseline knows no more than the night did
    bought, bought_before = ([r for r in of if r[0] in scored and r[3] > 0] for of in (later, before))
    (row,) = group(shop, "purchase_days", "published")
    assert row["actual"] == pytest.approx(len(bought) / len(scored), abs=1e-6)
    assert row["baseline"] == pytest.approx(len(bought_before) / len(scored), abs=1e-6)
    (row,) = group(shop, "revenue", "published")
    assert row["actual"] == pytest.approx(float(sum(r[3] for r in bought)) / len(scored), abs=1e-6)
    active = {name for name, is_active in known.items() if is_active}
    stayed = active & {r[0] for r in later if r[2] > 0}
    (row,) = group(shop, "churned", "published")
    assert row["actual"] == pytest.approx(1 - len(stayed) / len(active), abs=1e-6)


def test_who_spent_more_is_told_by_both_horizons_as_known_now(shop):
    scored = dict(rows_of(shop, THEN, "SELECT customer_id, p_spend_more FROM customer_spend_more"))
    now, then = (
        rows_of(shop, night, "SELECT customer_id, business_date, net_revenue, order_count FROM customer_day")
        for night in (NOW, THEN)
    )

    def spent(days, after, until):
        sums = dict.fromkeys({name for name, *_ in days}, 0)
        for name, day, revenue, _ in days:
            sums[name] += revenue if after < day <= until else 0
        return {name: max(total, 0) for name, total in sums.items()}

    quarters = [spent(now, NOW - timedelta(90 * (n + 1)), NOW - timedelta(90 * n)) for n in range(2)]
    (row,) = group(shop, "spent_more", "published")
    assert row["customers"] == len(scored) > 300
    assert row["predicted"] == pytest.approx(sum(scored.values()) / len(scored), abs=1e-6)
    grew = sum(quarters[0][name] > quarters[1][name] for name in scored)
    assert row["actual"] == pytest.approx(grew / len(scored), abs=1e-6)

    # A cut-off earlier, of who had an order in the year before it, and whose spend had moved alike; as known then.
    before = THEN - timedelta(90)
    quarters[1:] = [spent(then, NOW - timedelta(90 * (n + 1)), NOW - timedelta(90 * n)) for n in range(1, 4)]
    year = {name for name, day, _, orders in then if before - timedelta(365) < day <= before and orders}

    def band(name, last, earlier):
        return 0 if not last[name] else 1 if last[name] < earlier[name] else 2

    grown = {place: [] for place in range(3)}
    for name in year:
        grown[band(name, quarters[2], quarters[3])].append(quarters[1][name] > quarters[2][name])
    guess = [sum(of) / len(of) for of in grown.values()]
    expected = sum(guess[band(name, quarters[1], quarters[2])] for name in scored) / len(scored)
    assert row["baseline"] == pytest.approx(expected, abs=1e-6)


def test_growth_is_guessed_from_whose_spend_had_moved_alike_if_the_data_reach_back(shop):
    """Horizons of ten days; a1 to a5 spent less than before a horizon ago, b1 to b5 nothing, till is no customer."""
    spent = {f"a{n}": {-29: 10, -15: 5, -5: 7 if n < 3 else 3, 3: 9 if n == 1 else -4} for n in range(1, 6)}
    spent |= {f"b{n}": {-29: 10, -5: 1} for n in range(1, 6)} | {"till": {-29: 1, -15: 1, -5: 99, 3: 999}}

    def judged(since):
        days = [
            {"customer_id": name, "business_date": THEN + timedelta(day), "net_revenue": amount, "order_count": 1}
            for name, of in spent.items()
            for day, amount in of.items()
            if day >= since
        ]
        tables_ = {
            "days_known_now": days,
            "days_known_at_origin": [row for row in days if row["business_date"] <= THEN],
            "left_out": [{"customer_id": "till"}],
            "customer_spend_more": [{"customer_id": name, "p_spend_more": 0.5} for name in spent],
            "customer_purchase_pattern": [{"customer_id": name, "first_order_date": THEN} for name in spent],
            "customer_rfm": [{"customer_id": name, "rfm_segment": name[0]} for name in spent],
        }
        with DuckDBEngine(shop.lake.open_backtest(NOW), shop.settings) as engine:
            for name, rows in tables_.items():
                engine.register_arrow(name, pa.Table.from_pylist(rows))
            found = _growth(THEN, timedelta(0), timedelta(10), engine)
        return found["actual"].tolist(), found["baseline"].round(6).replace({np.nan: None}).tolist()

    grew = [1.0] + [0.0] * 9
    assert judged(since=-29) == (grew, [0.7, 0.7, 0.4, 0.4, 0.4] + [0.7] * 5)
    assert judged(since=-28) == (grew, [None] * 10)


def test_growth_that_nobody_could_foretell_is_named_with_its_reason(shop):
    early = ("spent_more", NOW - timedelta(360), "customers")
    (found,) = (
        row
        for row in shop.result.tables["backtest_quality"]
        if (row["measure"], row["as_of_date"], row["metric"]) == early
    )
    assert found["value"] == 0
    assert "none: at the earlier of two dates with a known outcome" in found["note"]


def test_judged_is_whose_interval_ended_whether_the_order_came_or_not(shop):
    given = rows_of(
        shop, THEN, "SELECT customer_id, next_order_low, next_order_high, p_order_again FROM customer_next_order"
    )
    days = rows_of(shop, NOW, "SELECT customer_id, business_date FROM customer_day WHERE net_spend > 0 ORDER BY ALL")
    first = {}
    for name, day in days:
        if day > THEN:
            first.setdefault(name, day)
    ended = [row for row in given if row[2] and row[2] <= THEN + timedelta(90)]
    (row,) = group(shop, "ordered_in_interval", "published")
    assert row["customers"] == len(ended) > 100
    assert row["baseline"] is None
    came = [row for row in ended if row[0] in first]
    assert len(came) < len(ended)
    within = [low <= first[name] <= high for name, low, high, _ in came]
    assert row["actual"] == pytest.approx(sum(within) / len(ended), abs=1e-6)
    stated = sum(p for *_, p in ended) / len(ended)
    assert 0.8 * stated <= row["predicted"] <= stated

    quality = {
        r["metric"]: r
        for r in shop.result.tables["backtest_quality"]
        if (r["measure"], r["kind"], r["as_of_date"]) == ("ordered_in_interval", "published", THEN)
    }
    assert quality["coverage_of_orders"]["value"] == pytest.approx(sum(within) / len(came), abs=1e-6)
    assert quality["median_error_days"]["baseline_value"] > 0
    dated = sum(row[2] is not None for row in given)
    assert quality["customers"]["note"] == (
        f"judged; of {dated:,} customers with a date, {len(ended):,} have an interval that had ended; "
        "forecast of 2025-04-01 (published) for 90 days"
    )


def test_a_rolling_origin_says_what_the_night_of_its_date_said_so_nothing_later_leaks(shop):
    def of(kind):
        return [
            [{**row, "kind": ""} for row in rows if row["kind"] == kind and row["as_of_date"] == THEN]
            for rows in shop.result.tables.values()
        ]

    published, rolling = of("published"), of("rolling_origin")
    for rows in (*published, *rolling):
        for row in rows:
            row.pop("note", None)
    assert len(published[0]) > 50
    assert {row["measure"] for row in published[0]} == {
        *("purchase_days", "revenue", "churned", "spent_more", "ordered_in_interval")
    }
    assert rolling == published


def test_each_group_of_each_dimension_is_there(shop):
    for dimension in ("decile", "first_order_quarter", "rfm_segment"):
        rows = group(shop, "purchase_days", "published", dimension)
        assert sum(row["customers"] for row in rows) == group(shop, "purchase_days", "published")[0]["customers"]
    quarters = [row["dimension_value"] for row in group(shop, "revenue", "published", "first_order_quarter")]
    assert quarters == ["2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4", "2025-Q1"]


def test_rolling_origins_lie_a_churn_horizon_apart_and_within_the_data(shop):
    found = {row["as_of_date"] for row in shop.result.tables["backtest_quality"] if row["kind"] == "rolling_origin"}
    assert found == {NOW - timedelta(90 * n) for n in (1, 2, 3, 4)}


def test_a_forecast_that_nobody_has_is_named_with_its_reason(shop):
    (row,) = (
        row
        for row in shop.result.tables["backtest_quality"]
        if (row["measure"], row["metric"], row["as_of_date"]) == ("churned", "customers", NOW - timedelta(360))
    )
    assert row["value"] == 0
    assert row["note"].startswith(
        "no customer has a forecast of 2024-07-05 (rolling_origin) for 90 days: none: no churn"
    )


def test_the_same_backtest_again_is_the_same_file_and_names_nobody(shop):
    path = shop.home / "lake" / "backtests" / f"{NOW}.json"
    before = path.read_bytes()
    run_backtest(NOW, shop.settings)
    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600
    customers = [name for (name,) in rows_of(shop, NOW, "SELECT DISTINCT customer_id FROM customer_day")]
    assert not [name for name in customers if name.encode() in before]
    assert list((shop.home / "lake" / "tmp").iterdir()) == []


def test_every_metric_of_a_latest_forecast_has_a_name_of_its_own(shop):
    latest = quality._latest(json.loads(shop.result.model_dump_json())["tables"]["backtest_quality"])
    names = [row["metric"] for row in latest]
    assert len(names) == len(set(names))
    assert "backtest_published_purchase_days_90d_rank_correlation" in names
    assert "backtest_rolling_origin_churned_90d_auc" in names
    assert "backtest_published_spent_more_90d_brier" in names
    assert "backtest_published_ordered_in_interval_90d_coverage_of_orders" in names


def test_the_command_line_says_each_forecast_beside_what_came(shop):
    lines = "\n".join(backtest_lines(shop.result)).splitlines()
    (row,) = group(shop, "purchase_days", "published")
    expected = f"{row['predicted']:.2f} ({row['baseline']:.2f})"
    assert any("2025-04-01" in line and "published" in line and expected in line for line in lines)
    assert any(
        line.startswith("  no customer has a forecast of 2024-07-05 (rolling_origin) for 90 days: ") for line in lines
    )
    deciles = "\n".join(backtest_lines(shop.result, "decile"))
    assert "forecast of 2025-04-01 (published) for 90 days" in deciles


# --- nights that show it ---


def kept(lake: Lake, day: str) -> Backtest:
    key = {"model": "clv", "measure": "revenue", "kind": "published", "window_days": 90, "trained_through": None}
    rows = [
        {**key, "as_of_date": as_of, "metric": metric, "value": value, "baseline_value": None, "beats_baseline": None}
        | {"note": f"as of {day}"}
        for as_of, metric, value in (("2017-01-01", "customers", 5.0), ("2017-02-01", "customers", 0.0))
    ]
    groups = {"dimension": "all", "dimension_value": "all", "customers": 5, "predicted": 1.0, "actual": 2.0}
    of_groups = [{**key, "as_of_date": "2017-01-01", **groups, "baseline": None}]
    found = Backtest(
        run_date=date.fromisoformat(day), code_version="x", tables={"backtest": of_groups, "backtest_quality": rows}
    )
    lake.add_backtest(found)
    return found


BACKTESTED = frozenset({"backtest"})


def test_a_night_shows_the_latest_backtest_up_to_its_date(retailer):
    for day in ("2017-11-20", "2017-11-30", "2017-12-02"):
        (retailer.home / "lake").mkdir(parents=True, exist_ok=True)
        kept(Lake(retailer.home), day)
    retailer.deliver("2017-11-30")
    night = retailer.load("2017-11-30", upto=("marts",), only=BACKTESTED)
    assert retailer.rows(night, "backtest", "backtest_date, as_of_date, customers, predicted, baseline") == [
        (date(2017, 11, 30), date(2017, 1, 1), 5, 1.0, None)
    ]
    assert retailer.rows(night, "backtest_latest", "metric, value, note") == [
        ("backtest_published_revenue_90d_customers", 0.0, "as of 2017-11-30")
    ]
    assert len(retailer.rows(night, "backtest_quality")) == 2


def test_before_the_first_backtest_its_tables_are_empty(retailer):
    retailer.deliver("2017-11-30")
    night = retailer.load("2017-11-30", upto=("marts",), only=BACKTESTED)
    for name in ("backtest", "backtest_quality", "backtest_latest"):
        assert retailer.rows(night, name) == []


def test_what_a_backtest_that_was_killed_left_goes_with_the_next_night_or_backtest(retailer):
    retailer.deliver("2017-11-30")
    night = retailer.load("2017-11-30", upto=())
    for begin in (lambda: retailer.open("2017-11-30"), lambda: night.lake.open_backtest(night.run_date)):
        spill = night.lake.open_backtest(night.run_date).temporary_folder()
        begin()
        assert not spill.exists()


# --- which nights, and who ---


def manifests(retailer, *days: str) -> Lake:
    lake = Lake(retailer.home)
    lake.root.mkdir(parents=True)
    for day in days:
        settings = {"churn_lead_days": 0, "churn_horizon_days": 90}
        lake.replace_manifest(
            Manifest(run_date=date.fromisoformat(day), code_version="x", settings=settings, tables={})
        )
    return lake


def published(retailer, *days: str) -> list[tuple[str, tuple[int, ...], bool]]:
    lake = manifests(retailer, *days)
    found = _origins(lake.open_backtest(lake.nights()[-1]), retailer.settings)
    return [(f"{origin.as_of}", origin.windows, origin.horizon is not None) for origin in found]


def test_published_nights_are_as_far_apart_as_fits_and_their_windows_are_over(retailer):
    days = ("2024-01-01", "2025-01-01", "2025-01-05", "2025-01-08", "2025-04-07", "2025-04-08")
    assert published(retailer, *days) == [
        ("2024-01-01", (90, 365), True),
        ("2025-01-01", (90,), True),
        ("2025-01-08", (90,), True),
    ]


def test_a_young_homes_nights_are_judged_by_four_weeks(retailer):
    assert published(retailer, "2025-01-01", "2025-01-20", "2025-02-17") == [
        ("2025-01-01", (28,), False),
        ("2025-01-20", (28,), False),
    ]


def test_the_first_night_has_nothing_to_judge(retailer):
    assert published(retailer, "2025-01-01") == []


def test_a_home_with_a_single_receipt_has_an_empty_backtest(retailer):
    retailer.deliver("2017-12-01", receipts="receipt_id,customer_id,issued_at,total_amount\nr1,c1,2017-12-01,5\n")
    retailer.load("2017-12-01", upto=("staging", "facts", "scores"), only=WITHOUT_EXPECTATIONS)
    result = run_backtest(date(2017, 12, 1), retailer.settings)
    assert result.tables == {"backtest": [], "backtest_quality": []}


def test_of_thirty_customers_every_forecast_that_is_missing_says_why(retailer):
    receipts = "receipt_id,customer_id,issued_at,total_amount\n" + "".join(
        f"r{n}-{k},c{n},{date(2017, 1, 1) + timedelta(n * 3 + k * 40)},{5 + k}\n"
        for n in range(30)
        for k in range(1 + n % 4)
    )
    retailer.deliver("2017-12-01", receipts=receipts)
    retailer.load("2017-12-01", upto=("staging", "facts", "scores"), only=WITHOUT_EXPECTATIONS)
    result = run_backtest(date(2017, 12, 1), retailer.settings)
    assert result.tables["backtest"] == []
    judged = [row for row in result.tables["backtest_quality"] if row["metric"] == "customers"]
    assert {row["value"] for row in judged} == {0.0}
    notes = {row["measure"]: row["note"] for row in judged}
    assert set(notes) == {"purchase_days", "revenue", "churned", "spent_more", "ordered_in_interval"}
    assert "none: at the earlier of two dates with a known outcome " in notes["spent_more"]
    assert "no model of the next order: " in notes["ordered_in_interval"]


def test_the_night_is_the_one_that_was_asked_for_the_last_or_the_last_before(retailer):
    lake = manifests(retailer, "2025-01-01", "2025-01-03")
    assert committed_night(lake, None) == date(2025, 1, 3)
    assert committed_night(lake, date(2025, 1, 1)) == date(2025, 1, 1)
    assert committed_night(lake, date(2025, 1, 2), or_before=True) == date(2025, 1, 1)
    with pytest.raises(LoyaltyError, match="night 2025-01-02 was never run"):
        committed_night(lake, date(2025, 1, 2))
    with pytest.raises(LoyaltyError, match="no night up to 2024-12-31 was run"):
        committed_night(lake, date(2024, 12, 31), or_before=True)


def test_a_backtest_waits_for_nobody_but_says_that_another_run_works(retailer):
    manifests(retailer, "2025-01-01")
    with (retailer.home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as another process would
        with pytest.raises(HomeBusyError, match="another run works in"):
            run_backtest(date(2025, 1, 1), retailer.settings)


def test_customers_who_were_joined_since_a_published_night_are_not_judged(retailer):
    receipts = "receipt_id,customer_id,issued_at,total_amount\n"
    crm = "customer_id,registered_at,merged_into_customer_id,updated_at\n"
    layers = ("staging", "facts", "scores")
    retailer.deliver("2017-11-01", crm_customers=crm + "a,2017-01-01,,\nb,2017-01-01,,\nc,2017-01-01,,\n")
    first = retailer.load("2017-11-01", upto=layers, only=WITHOUT_EXPECTATIONS)
    retailer.deliver(
        "2017-11-02",
        crm_customers=crm + "b,2017-01-01,a,2017-11-02\n",
        receipts=receipts + "r1,b,2017-11-02,5\nr2,c,2017-11-02,5\n",
    )
    second = retailer.load("2017-11-02", upto=layers, only=WITHOUT_EXPECTATIONS)
    base = second.lake.open_backtest(second.run_date)
    with DuckDBEngine(base, retailer.settings) as engine:
        register_known(engine, base)
        register_published(base.lake.manifest(first.run_date), engine, retailer.settings)
        assert sorted(engine.rows("SELECT customer_id FROM left_out")) == [("a",), ("b",)]

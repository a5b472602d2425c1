"""What was known and forecast in the past: nothing later leaks, and nobody is counted as somebody else."""

from pipelines.backtests.replay import SAMPLED_CUSTOMERS, register_days_known_now, register_published
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.churn import FITTED_CUSTOMERS
from pipelines.tables.inputs import contract_of


def test_the_second_night_knows_of_days_that_the_origin_did_not_know_yet(shop):
    late = (
        "SELECT COUNT(*) FROM customer_day WHERE business_date <= DATE '2025-04-01' AND known_date = DATE '2025-06-30'"
    )
    assert shop.rows(shop.night, late)[0][0] > 100


def test_a_rolling_origin_says_what_the_night_of_its_date_said_so_nothing_later_leaks(shop):
    def results(kind):
        return [
            [{**row, "kind": ""} for row in rows if row["kind"] == kind and row["as_of_date"] == shop.origin]
            for rows in shop.result.tables.values()
        ]

    published, rolling = results("published"), results("rolling_origin")
    for rows in (*published, *rolling):
        for row in rows:
            row.pop("note", None)
    assert len(published[0]) > 50
    assert {row["measure"] for row in published[0]} == {
        *("purchase_days", "revenue", "churned", "spent_more", "ordered_in_interval", "rose_a_tier")
    }
    assert rolling == published


def test_known_days_have_the_columns_of_customer_day(shop):
    base = shop.lake.open_backtest(shop.night)
    with DuckDBEngine(base, shop.settings) as engine:
        register_days_known_now(engine, base)
        register_published(shop.lake.manifest(shop.origin), engine, shop.settings)
        expected = [(column.name, column.type) for column in contract_of("customer_day").columns]
        for name in ("days_known_now", "days_known_at_origin"):
            assert [column[:2] for column in engine.rows(f"DESCRIBE {name}")] == expected


def test_of_more_customers_than_a_fit_takes_a_sample_is_looked_at(shop, monkeypatch):
    assert 0.9 * FITTED_CUSTOMERS < SAMPLED_CUSTOMERS < FITTED_CUSTOMERS
    monkeypatch.setattr("pipelines.backtests.replay.SAMPLED_CUSTOMERS", 100)
    base = shop.lake.open_backtest(shop.night)
    with DuckDBEngine(base, shop.settings) as engine:
        register_days_known_now(engine, base)
        sampled = engine.rows("SELECT COUNT(DISTINCT customer_id), COUNT(*) FROM days_known_now")[0]
        complete = engine.rows(
            "SELECT COUNT(*) FROM customer_day WHERE customer_id IN (SELECT customer_id FROM days_known_now)"
        )[0][0]
    assert 70 < sampled[0] < 130
    assert sampled[1] == complete


def test_customers_who_were_joined_since_a_published_night_are_left_out(retailer, load_scores):
    receipts = "receipt_id,customer_id,issued_at,total_amount\n"
    crm = "customer_id,registered_at,merged_into_customer_id,updated_at\n"
    retailer.deliver("2017-11-01", crm_customers=crm + "a,2017-01-01,,\nb,2017-01-01,,\nc,2017-01-01,,\n")
    first = load_scores("2017-11-01")
    retailer.deliver(
        "2017-11-02",
        crm_customers=crm + "b,2017-01-01,a,2017-11-02\n",
        receipts=receipts + "r1,b,2017-11-02,5\nr2,c,2017-11-02,5\n",
    )
    second = load_scores("2017-11-02")
    base = second.lake.open_backtest(second.run_date)
    with DuckDBEngine(base, retailer.settings) as engine:
        register_days_known_now(engine, base)
        register_published(base.lake.manifest(first.run_date), engine, retailer.settings)
        assert sorted(engine.rows("SELECT customer_id FROM left_out")) == [("a",), ("b",)]

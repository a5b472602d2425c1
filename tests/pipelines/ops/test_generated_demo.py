"""The generated demo: what three nights publish is what was planted."""

import gzip
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import phonenumbers
import pytest
from conftest import TESTS
from nights import home_of, run_night

from pipelines.contracts import sources
from pipelines.ops import generated_demo
from pipelines.ops.generated.truth import Truth
from pipelines.ops.generated_demo import DAYS, GENERATED_FILES, GENERATED_SETTINGS, write_generated
from pipelines.settings import ROOT, load_settings

NIGHT = DAYS[2]

# Published tables without rows and columns without values, and why. All else has a value somewhere.
WITHOUT_VALUES = {
    "backtest": "a backtest is a command of its own",
    "backtest_quality": "a backtest is a command of its own",
    "feed_quality": "its extracts have the sources' own names: there is no mapping",
    "campaign_hold": "no list waits for a person",
    "target_warning": "its plan and growth targets have no fault",
    "promo_sensitivity": "no two of its arms got offers of different depth",
    "spend_waste.wasted_amount": "no campaign of it is shown to be waste",
    "promo_effect.unknown_reason": "both campaigns with codes have a control group and are over",
    "customer_profit.shipping_cost": "its extracts have no cost of shipping",
    "customer_profit.gross_profit_reason": "all costs are known",
    "store_profile.opened_date": "its stores are as old as the data",
    "store_profile.closed_date": "none of its stores closed",
    "product_repeat.reason": "all can be said",
    "first_product.reason": "all can be said",
    "product_relation.reason": "the relations are better than popularity",
    "price_slip": "its tills and codes make no mistake, and none is made up",
    "price_slip_monthly": "its tills and codes make no mistake, and none is made up",
    "customer_clv_horizon": "its settings name one horizon",
    "reconciliation_rejected.lost_amount": "its rejected rows are of surveys, which have no money",
    "points_outlook.outlook_reason": "what will be spent of its points is known",
    "points_liability.liability_reason": "what will be spent of its points is known",
    "campaign_delivery.held_reason": "no list waits for a person",
    "campaign_power.needed_control_share": "its campaigns are too small to show a tenth more with any control share",
    "all_campaigns_effect.programme_roi": "neither enrolment nor the offer of points was assigned at random",
    **{
        f"all_campaigns_effect.{column}": "it has no global control group"
        for column in (
            *("expected_control_buyers", "treated_mean", "control_mean", "effect", "ci_low", "ci_high"),
            *("incremental_amount", "incremental_low", "incremental_high", "verdict"),
        )
    },
    "global_control_draw": "it has no global control group",
    "campaign_effect.running_low": "of what runs no window is over",
    "campaign_effect.running_high": "of what runs no window is over",
    "own_campaign.starts_on": "its campaigns run from the first night",
    "own_campaign.ends_on": "its campaigns have no end",
    "own_campaign.primary_metric": "its campaigns are judged by margin as cost is known",
}

# Of all extracts' text. Another retailer has another: if the change is meant, put it here.
EXTRACTS = "986a827830261fba"


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Path]:
    """The home after its first three nights."""
    campaigns = tmp_path_factory.mktemp("campaigns") / "campaigns.yaml"
    text = (TESTS / "campaigns.yaml").read_text()
    campaigns.write_text(text.replace("{contacts: 1, days: 1}", "{contacts: 2, days: 7}"))  # messages count as well
    with pytest.MonkeyPatch.context() as patch:
        files = {"LOYALTY_CAMPAIGNS": f"{campaigns}"}
        files |= {f"LOYALTY_{path.stem.upper()}": f"{path}" for path in GENERATED_FILES}
        for name, value in {**GENERATED_SETTINGS, "LOYALTY_HOME": "", **files}.items():
            patch.setenv(name, value)
        with home_of(tmp_path_factory.mktemp("generated") / "home") as home:
            write_generated(home / "landing")
            for night in DAYS[:3]:
                run_night(night, f"{night}")
            yield home
    load_settings.cache_clear()


@pytest.fixture(scope="module")
def con(home) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as con:
        yield con


@pytest.fixture(scope="module")
def planted() -> Truth:
    return generated_demo.truth(NIGHT)


PLANTED = {
    "double_points": "pays",
    "gold_call": "sells more, not shown to pay",
    "tea_magazine": "can't tell",
    "spring_code": "can't tell",
    "summer_news": "running",
    "autumn_catalogue": "before and after only",
}


def rows(con, sql: str) -> list[tuple[Any, ...]]:
    return con.execute(sql).fetchall()


def cents(amount: Any) -> int:
    return round(amount * 100)


def test_accounts_of_one_person_are_one_customer_and_nobody_else_is(con, planted):
    joined = {account: person for account, person in planted.person.items() if account != person}
    assert dict(rows(con, "SELECT source_customer_id, customer_id FROM customer_identity")) == joined
    assert {customer for (customer,) in rows(con, "SELECT customer_id FROM customer_360")} == set(
        planted.person.values()
    )
    rules = Counter(rule for (rule,) in rows(con, "SELECT rule FROM customer_identity"))
    assert set(rules) == {"merged_into", "email", "phone", "card"}


def test_a_familys_phone_joins_nobody(con):
    conflicts = rows(
        con, "SELECT reason, customer_count, COUNT(DISTINCT conflict_id) FROM identity_conflict GROUP BY ALL"
    )
    assert {(reason, size): count for reason, size, count in conflicts} == {
        ("shared", 3): 13,
        ("contradicted", 2): 16,
    }


def test_what_is_planned_stands_beside_what_kpi_period_has(con):
    off = """SELECT p.metric, p.cut_value, p.actual_value, k.revenue, k.receipts, k.new_members
        FROM plan_actual AS p LEFT JOIN kpi_period AS k USING (cut, cut_value, period, period_start)
        WHERE p.metric IN ('revenue', 'receipts', 'new_members') AND p.period_start <= p.run_date
        AND p.actual_value IS DISTINCT FROM CASE p.metric WHEN 'revenue' THEN k.revenue WHEN 'receipts' THEN k.receipts
            ELSE k.new_members END"""
    assert rows(con, off) == []
    assert rows(con, "SELECT COUNT(*), COUNT(to_date_value) FROM plan_actual") == [(10, 7)]


def test_what_segments_bring_to_a_target_is_what_kpi_period_has(con):
    months = "period = 'month' AND cut = 'all' AND period_start BETWEEN DATE '2025-04-01' AND DATE '2025-06-01'"
    said = "SELECT SUM(numerator), SUM(denominator) FROM growth_target WHERE metric = 'average_receipt' AND segment"
    assert rows(con, f"{said} <> 'all'") == rows(
        con, f"SELECT SUM(sale_revenue), SUM(receipts) FROM kpi_period WHERE {months}"
    )
    assert rows(con, f"{said} = 'anonymous'") == rows(
        con, f"SELECT SUM(anonymous_revenue), SUM(receipts - orders) FROM kpi_period WHERE {months}"
    )
    orders = "SELECT SUM(numerator) FROM growth_target WHERE metric = 'purchase_frequency' AND segment <> 'all'"
    assert rows(con, orders) == rows(con, f"SELECT SUM(orders) FROM kpi_period WHERE {months}")


def test_the_spare_card_of_a_till_is_no_shopper(con):
    assert rows(con, "SELECT customer_id, busy_day_count, most_orders_a_day FROM service_account") == [
        ("C15000", 4, 26)
    ]


def test_what_campaigns_truly_did_lies_within_the_intervals(con, planted):
    found = rows(
        con,
        """SELECT campaign_id, metric, treated_customers, ci_low, ci_high FROM campaign_effect
        WHERE is_complete AND segment = 'all'""",
    )
    published = {(campaign, metric): figures for campaign, metric, *figures in found}
    for campaign, effect in planted.effects.items():
        if campaign == "summer_news":
            continue
        for metric, true, unit in (
            ("orders_per_customer", effect.orders, 1),
            ("revenue_per_customer", effect.revenue, 100),
            ("margin_per_customer", effect.margin, 100),
        ):
            treated, low, high = published[campaign, metric]
            assert treated == effect.treated
            assert low <= true / unit <= high, (campaign, metric)


def test_campaigns_get_the_verdict_that_they_deserve(con):
    judged = "SELECT campaign_id, verdict FROM campaign_effect WHERE is_primary AND segment = 'all'"
    verdicts = {campaign: verdict.split(":")[0] for campaign, verdict in rows(con, judged)}
    assert {campaign: verdicts[campaign] for campaign in PLANTED} == PLANTED
    by_margin = "SELECT campaign_id, roi FROM campaign_effect WHERE metric = 'margin_per_customer' AND segment = 'all'"
    roi = dict(rows(con, by_margin))
    assert roi["double_points"] > 0 > roi["gold_call"]
    assert roi["summer_news"] is None
    assert roi["autumn_catalogue"] is None


def test_a_promo_code_that_moves_sales_forward_sells_no_more(con):
    ((week, later, whole),) = rows(
        con,
        """
        WITH bought AS (
            SELECT
                a.arm, a.customer_id,
                COUNT(o.receipt_id) FILTER (o.business_date <= DATE '2025-03-16') AS week,
                COUNT(o.receipt_id) FILTER (o.business_date > DATE '2025-03-16') AS later
            FROM campaign_assignment AS a
            LEFT JOIN order_fact AS o
                ON a.customer_id = o.customer_id AND NOT o.is_return
                AND o.business_date BETWEEN DATE '2025-03-10' AND DATE '2025-05-09'
            WHERE a.campaign_id = 'spring_code'
            GROUP BY a.arm, a.customer_id
        )
        SELECT
            AVG(week) FILTER (arm = 'treated') / AVG(week) FILTER (arm = 'control'),
            AVG(later) FILTER (arm = 'treated') / AVG(later) FILTER (arm = 'control'),
            AVG(week + later) FILTER (arm = 'treated') / AVG(week + later) FILTER (arm = 'control')
        FROM bought
        """,
    )
    assert week > 1.5
    assert later < 0.95
    assert 0.9 < whole < 1.1


def test_points_to_spend_are_those_of_each_person_and_in_all(con, planted):
    published = dict(
        rows(
            con, "SELECT customer_id, CAST(points_balance AS BIGINT) FROM customer_360 WHERE points_balance IS NOT NULL"
        )
    )
    assert published == planted.points
    ((worth,),) = rows(con, "SELECT SUM(points_balance * point_value) FROM customer_360 CROSS JOIN night")
    assert cents(worth) == sum(planted.points.values())


def test_the_next_expiry_is_that_of_the_lots_left(con, planted):
    expiry = "SELECT customer_id, next_expiry_date, CAST(next_expiry_points AS BIGINT) FROM customer_360"
    published = {customer: (day, points) for customer, day, points in rows(con, expiry) if day}
    assert published == planted.next_expiry


def test_nobody_who_may_not_be_written_to_is_on_a_list(con, planted):
    listed = set(rows(con, "SELECT customer_id, channel FROM campaign_list"))
    assert listed
    assert not listed & planted.closed
    reasons = {reason for (reason,) in rows(con, "SELECT DISTINCT reason FROM campaign_exclusion")}
    assert reasons >= {"suppressed", "unsubscribed", "no_consent", "control_group"}


def test_revenue_of_each_store_and_the_margin_are_right_to_the_cent(con, planted):
    revenue = rows(con, "SELECT store_id, store_name, SUM(revenue) FROM order_fact GROUP BY ALL")
    assert {store: cents(amount) for store, _, amount in revenue} == planted.store_revenue
    assert all(name for _, name, _ in revenue)
    assert cents(rows(con, "SELECT SUM(gross_margin) FROM kpi_daily")[0][0]) == planted.margin
    assert rows(con, "SELECT COUNT(*) FROM order_fact WHERE gross_margin IS NULL") == [(0,)]


def test_returns_name_their_sale_or_are_matched_with_it(con, planted):
    returns = rows(con, "SELECT receipt_id, original_receipt_id FROM order_fact WHERE is_return")
    named = {receipt: sale for receipt, sale in returns if sale}
    assert named.items() <= planted.return_of.items()
    assert len(named) < len(returns) == len(planted.return_of)
    days = dict(rows(con, "SELECT customer_id, frequency + 1 FROM customer_clv WHERE frequency IS NOT NULL"))
    assert days == planted.purchase_days  # a day of which all came back is none, named or not


def test_codes_are_counted_once_a_receipt_however_they_are_typed(con, planted):
    published = rows(
        con, "SELECT promo_code, redemptions, customers, discount_amount FROM promo_performance WHERE redemptions > 0"
    )
    assert {code: (count, customers, cents(amount)) for code, count, customers, amount in published} == planted.codes
    assert rows(con, "SELECT redemptions - new_customers FROM promo_performance WHERE promo_code = 'WELCOME10'") == [
        (0,)
    ]


def test_nps_is_that_of_everybodys_last_answer(con, planted):
    assert rows(con, "SELECT responses, promoters, detractors FROM segment_nps WHERE segment = 'all'") == [planted.nps]
    assert rows(con, "SELECT source, rule FROM rejected_rows") == [("surveys", "score_out_of_range")]


def test_open_tickets_are_those_without_an_end(con, planted):
    assert rows(con, "SELECT SUM(open_ticket_count) FROM customer_360") == [(planted.open_tickets,)]


def test_views_are_those_of_visitors_who_logged_in(con, planted):
    assert rows(con, "SELECT SUM(web_view_count) FROM customer_360") == [(planted.views,)]


def test_every_published_column_has_a_value_somewhere(con):
    """But for those that are named here, with the reason."""
    without: set[str] = set()
    for (table,) in rows(con, "SELECT table_name FROM information_schema.tables ORDER BY ALL"):
        columns = [column[0] for column in rows(con, f"DESCRIBE {table}")]
        counts = rows(con, f"SELECT COUNT(*), {', '.join(f'COUNT({column})' for column in columns)} FROM {table}")[0]
        empty = {f"{table}.{column}" for column, count in zip(columns, counts[1:], strict=True) if not count}
        without |= empty if counts[0] else {table}
    assert without == set(WITHOUT_VALUES)


@pytest.fixture(scope="module")
def summary(home):
    return write_generated(home / "landing")


def test_every_source_comes_every_night(summary):
    assert list(summary.rows) == list(DAYS)
    assert all(set(night) == set(sources()) for night in summary.rows.values())
    assert all(count for source, count in summary.rows[DAYS[0]].items())


def test_every_byte_is_the_same_on_every_machine(home, summary, tmp_path):
    write_generated(tmp_path, threads=1)
    folders = {path: sha256() for path in (home / "landing", tmp_path)}
    for folder, digest in folders.items():
        for path in sorted(folder.rglob("*.csv*")):
            digest.update(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    assert {digest.hexdigest()[:16] for digest in folders.values()} == {EXTRACTS}


def test_addresses_are_reserved_for_fiction(home, summary):
    with duckdb.connect() as con:
        customers = con.read_csv(str(home / "landing" / "*" / "crm_customers.csv"), all_varchar=True)
        found = customers.project("email, phone").fetchall()
    assert {email.strip().lower().split("@")[1] for email, _ in found if email} == {"example.org"}
    numbers = [phonenumbers.parse(phone, "FR") for _, phone in found if phone]
    assert all(phonenumbers.is_valid_number(number) for number in numbers)
    assert {str(number.national_number)[:5] for number in numbers} == {"19900", "26191", "35301", "46571", "53649"}


def test_another_retailers_home_is_left_alone(tmp_path):
    (tmp_path / "settings.env").write_text("LOYALTY_CURRENCY=USD\n")
    command = [sys.executable, "-m", "pipelines.ops.cli", "demo", "--retailer", "generated", "--home", str(tmp_path)]
    known = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "LOYALTY"))}
    done = subprocess.run(command, env=known | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert (done.returncode, "is the home of another retailer" in done.stderr) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["settings.env"]

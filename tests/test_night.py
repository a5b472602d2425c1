"""Whole nights through the command line and Airflow, on a made-up shop: what comes out, twice, killed, old, broken."""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest
import sqlglot
from nights import hashes, home_of, outcome, run_night, table_rows
from recipes import Recipe, recipes
from shop import write_shop
from sqlglot import exp

from pipelines.settings import load_settings

SETTINGS = {
    "LOYALTY_TIMEZONE": "Europe/Moscow",
    "LOYALTY_CURRENCY": "RUB",
    "LOYALTY_PHONE_REGION": "RU",
    "LOYALTY_CAMPAIGNS": str(Path(__file__).parent / "campaigns.yaml"),
}
COLUMNS = {
    "customer_360": (
        "customer_id registered_at acquisition_channel region first_order_date last_order_date order_count "
        "revenue gross_margin average_order_value favourite_category online_share points_balance next_expiry_date "
        "is_active home_store_id home_region last_visit_date web_view_count open_ticket_count last_nps last_csi"
    ),
    "customer_rfm": (
        "customer_id days_since_last_order order_count revenue recency_score frequency_score monetary_score "
        "value_share lateness rfm_segment"
    ),
    "customer_clv": (
        "customer_id frequency recency_days age_days p_alive expected_purchases expected_purchase_day_value clv "
        "clv_low clv_high clv_tier clv_basis horizon_days"
    ),
    "customer_churn": "customer_id is_active p_churn churn_tier method horizon_days",
    "customer_growth": (
        "customer_id horizon_days spend_last p_spend_more method revenue_365d peer_revenue peer_headroom "
        "category_headroom headroom_category headroom_category_amount headroom"
    ),
    "customer_next_order": (
        "customer_id p_order_again p_longer_gap next_order_date next_order_low next_order_high method reason"
    ),
    "customer_channel": (
        "customer_id best_channel p_purchase delivered_count method chosen_channel choice_probability is_explored"
    ),
    "segment_channel": "segment channel delivered_count purchase_count p_purchase is_best",
    "customer_segment": "customer_id segment",
    "customer_segment_history": "customer_id segment valid_from valid_to",
    "order_fact": "receipt_id customer_id business_date store_id store_name store_region sales_channel revenue",
    "order_line": "receipt_id line_number product_id category department brand quantity revenue cost_amount",
    "product": "product_id name category department brand unit_cost stock_quantity is_gift_card",
    "store": "store_id name region format time_zone",
    "campaign": "campaign_id name channel starts_on ends_on window_days cost_amount",
    "promo_code": "promo_code promotion_id campaign_id kind value valid_from valid_to purpose cost_amount",
    "promo_order": "promo_code promotion_id campaign_id receipt_id customer_id business_date discount_amount revenue",
    "points_entry": "entry_id customer_id receipt_id kind points posted_at posted_date expires_at expires_date",
    "customer_category": "customer_id category revenue line_count last_order_date",
    "segment": "segment description rule",
    "customer_score_history": "customer_id valid_from valid_to rfm_segment tier clv_tier churn_tier clv p_churn",
    "segment_nps": "segment responses promoters passives detractors nps ci_low ci_high reason",
    "nps_purchase": "segment nps_group window_days customers buyers buyer_rate revenue_per_customer",
    "contact": "contact_id customer_id channel sent_at",
    "web_event": "event_id customer_id occurred_at kind product_id category",
    "support_ticket": "ticket_id customer_id opened_at closed_at is_resolved is_open",
    "survey_response": "response_id customer_id answered_at kind score",
    "customer_coverage": "source row_count known_customer_count unknown_customer_count without_customer_count",
    "campaign_assignment": "campaign_id customer_id channel arm assigned_at",
    "kpi_daily": (
        "business_date revenue member_revenue gross_margin receipts orders buyers average_order_value members "
        "new_members active_members benefit_users participation_rate promo_orders promo_discount"
    ),
    "promo_performance": (
        "promo_code redemptions customers new_customers revenue discount_amount cost_amount incremental_profit "
        "roi method"
    ),
    "promotion_performance": "promotion_id redemptions customers revenue",
    "campaign_effect": (
        "campaign_id metric segment treated_customers control_customers treated_mean control_mean effect ci_low "
        "ci_high window_days is_complete method cost_amount incremental_profit roi roi_low roi_high verdict"
    ),
    "backtest": "measure kind as_of_date window_days dimension dimension_value customers predicted actual baseline",
    "backtest_quality": "model measure kind as_of_date window_days metric value baseline_value beats_baseline note",
    "model_quality": "model metric value note trained_through",
    "data_quality": "source rows_read rows_loaded rows_rejected rows_duplicate rows_superseded",
    "rejected_rows": "source file row_number rule",
    "pipeline_run": "code_version settings input_hashes task_seconds",
}


def loyalty(home: Path, *arguments: str, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "pipelines.ops.cli", *arguments, "--home", str(home)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "LOYALTY"))} | SETTINGS
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,  # type: ignore[call-overload]
    )


def run(home: Path, *arguments: str) -> tuple[int, str, str]:
    process = loyalty(home, "run", *arguments)
    out, error = process.communicate()
    return process.returncode, out, error


def succeed(home: Path, *arguments: str) -> str:
    """Run nights that must succeed; returns what was printed."""
    code, out, error = run(home, *arguments)
    assert code == 0, error + out
    return out


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    return folder


def new_home(landing: Path, parent: Path, name: str) -> Path:
    home = parent / name
    home.mkdir()
    shutil.copytree(landing, home / "landing")
    return home


@pytest.fixture(scope="module")
def finished(landing: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A home after two nights, and what was printed."""
    home = new_home(landing, tmp_path_factory.mktemp("finished"), "home")
    return home, succeed(home, "--from", "2025-06-30", "--to", "2025-07-01", "--deliver-each")


def test_every_published_table_has_its_columns_and_run_date(finished):
    with duckdb.connect(str(finished[0] / "warehouse.duckdb"), read_only=True) as warehouse:
        for table, columns in COLUMNS.items():
            found = {row[0] for row in warehouse.execute(f"DESCRIBE {table}").fetchall()}
            assert set(columns.split()) | {"run_date"} <= found, table


def test_a_night_says_what_it_did_and_where_it_is(finished):
    home, out = finished
    assert "Night 2025-07-01 is published" in out
    assert f"{home}/reports/2025-07-01/index.html" in out
    assert "customer_rfm" in out


def test_revenue_is_the_receipts_sales_less_returns_to_the_cent(finished):
    with duckdb.connect(str(finished[0] / "warehouse.duckdb"), read_only=True) as warehouse:
        files = str(finished[0] / "landing" / "2025-0[67]-[03][01]" / "receipts.csv")
        expected = warehouse.execute(
            "SELECT SUM(CASE operation WHEN 'return' THEN -1 ELSE 1 END * CAST(total_amount AS DECIMAL(18, 2))) "
            "FROM read_csv($files, all_varchar = true) WHERE CAST(issued_at AS DATE) <= '2025-07-01'",
            {"files": files},
        ).fetchone()
        assert warehouse.execute("SELECT SUM(revenue) FROM kpi_daily").fetchone() == expected
        assert warehouse.execute("SELECT SUM(revenue) FROM order_fact").fetchone() == expected


def test_models_score_their_customers(finished):
    with duckdb.connect(str(finished[0] / "warehouse.duckdb"), read_only=True) as warehouse:
        with_clv, on_margin = warehouse.execute(
            "SELECT COUNT(clv), COUNT(*) FILTER (clv_basis = 'margin') FROM customer_clv"
        ).fetchone()
        assert with_clv > 200
        assert on_margin == warehouse.execute("SELECT COUNT(*) FROM customer_clv").fetchone()[0]
        low, high, scored = warehouse.execute(
            "SELECT MIN(p_churn), MAX(p_churn), COUNT(p_churn) FROM customer_churn"
        ).fetchone()
        assert scored > 100
        assert 0 <= low < high <= 1


# The shop has neither stores nor surveys, and its products are not bought along with each other.
WITHOUT_ROWS = {
    "Store ranking",
    "NPS by segment, with its interval",
    "What promoters and detractors bought after their answer",
    "What is bought along with what",
    "Plan against actual: what has begun, and how far it is",
    "Which RFM segments bring the figure that shall grow, and how far each would have to move alone",
}


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.question)
def test_a_recipe_gives_the_columns_that_it_shows_and_rows(finished, recipe: Recipe):
    with duckdb.connect(str(finished[0] / "warehouse.duckdb"), read_only=True) as warehouse:
        found = warehouse.execute(recipe.sql)
        header = " | ".join(column[0] for column in found.description)
        assert recipe.shown.splitlines()[0] == f"| {header} |"
        assert bool(found.fetchall()) == (recipe.question not in WITHOUT_ROWS)


def test_recipes_are_thirty_two_and_none_needs_more_than_two_joins():
    joins = {r.question: len(list(sqlglot.parse_one(r.sql, read="duckdb").find_all(exp.Join))) for r in recipes()}
    assert len(joins) == 32
    assert {question: count for question, count in joins.items() if count > 2} == {}


def test_recipes_that_part_the_revenue_leave_none_out(finished):
    by_question = {recipe.question: recipe.sql for recipe in recipes()}
    with duckdb.connect(str(finished[0] / "warehouse.duckdb"), read_only=True) as warehouse:
        parts = by_question["Revenue of new and returning customers by month"]
        whole = by_question["Revenue, orders and buyers by month"]
        deciles = by_question["Margin and revenue by decile of customers"]
        expected = warehouse.execute("SELECT SUM(revenue) FROM kpi_daily").fetchone()
        assert warehouse.execute(f"SELECT SUM(revenue) FROM ({whole})").fetchone() == expected
        columns = ("new_revenue", "returning_revenue", "anonymous_revenue")
        summed = " + ".join(f"SUM(COALESCE({column}, 0))" for column in columns)
        assert warehouse.execute(f"SELECT {summed} FROM ({parts})").fetchone() == expected
        assert warehouse.execute(f"SELECT ROUND(SUM(share_of_revenue), 9) FROM ({deciles})").fetchone() == (1,)


def test_personal_data_is_in_the_exports_and_nowhere_else_that_people_read(finished):
    home, _ = finished
    needles = [b"person7@example.com", b"Person7@Example.COM", b"+7900123", b"token-7", b"Ada 7 Example"]
    published = [home / "warehouse.duckdb", *(home / "reports").rglob("*.html")]
    published += [
        p for p in (home / "lake" / "tables").rglob("*.parquet") if p.parent.name not in ("crm_customers_personal",)
    ]
    for path in published:
        content = path.read_bytes()
        assert not [needle for needle in needles if needle in content], path
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        names = [name for (name,) in warehouse.execute("SELECT table_name FROM information_schema.tables").fetchall()]
        for name in names:
            assert not warehouse.execute(
                f"SELECT 1 FROM {name} AS t WHERE CAST(t AS VARCHAR) ILIKE '%person7@%'"
            ).fetchall()
    assert any(b"person" in path.read_bytes() for path in (home / "exports").rglob("*.csv"))


def test_files_are_private(finished):
    open_to_others = [p for p in finished[0].rglob("*") if p.stat().st_mode & 0o077 and "landing" not in p.parts]
    assert open_to_others == []


def run_here(home: Path, *nights: date, without: tuple[str, ...] = ()) -> None:
    """Run nights without Airflow, which decides on nothing, and in a third of the time."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (SETTINGS | {"LOYALTY_HOME": str(home)}).items():
            patch.setenv(name, value)
        with home_of(home):
            for night in nights:
                run_night(night, f"here {night}", without=without)
    load_settings.cache_clear()


def test_the_same_nights_in_another_home_are_the_same(finished, landing, tmp_path):
    other = new_home(landing, tmp_path, "other")
    run_here(other, date(2025, 6, 30), date(2025, 7, 1))
    assert outcome(other) == outcome(finished[0])


def copy_of(home: Path, target: Path) -> Path:
    """A home as it is, to be spoilt. Nothing is shared, because Airflow's database is written in place."""
    shutil.copytree(home, target)
    return target


@pytest.fixture(scope="module")
def undisturbed(finished: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home after its third night, which nothing disturbed."""
    home = copy_of(finished[0], tmp_path_factory.mktemp("undisturbed") / "home")
    run_here(home, date(2025, 7, 2))
    return home


def test_a_killed_night_sends_nothing_and_ends_the_same_when_run_again(finished, undisturbed, tmp_path):
    """SIGKILL right after the night was published; test_faults.py has all other tasks."""
    home = copy_of(finished[0], tmp_path / "home")
    process = loyalty(home, "run", "--date", "2025-07-02")
    assert process.stdout is not None
    for line in process.stdout:
        if "] publish_warehouse " in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (home / "exports" / "2025-07-02").exists()
    run_here(home, date(2025, 7, 2))
    assert table_rows(home) == table_rows(undisturbed)
    assert hashes(home / "exports") == hashes(undisturbed / "exports")


@pytest.fixture(scope="module")
def run_again(finished: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the home, in which its last night ran once more."""
    home = copy_of(finished[0], tmp_path_factory.mktemp("again") / "home")
    run_here(home, date(2025, 7, 1))
    return home


def test_the_same_night_again_is_the_same(finished, run_again):
    assert outcome(run_again) == outcome(finished[0])


@pytest.fixture(scope="module")
def old_again(run_again: Path) -> tuple[Path, str, tuple[object, ...]]:
    """That home after its first night ran again, what was printed, and what there was before: warehouse, exports."""
    before = hashes(run_again / "exports"), hashlib.sha256((run_again / "warehouse.duckdb").read_bytes()).hexdigest()
    return run_again, succeed(run_again, "--date", "2025-06-30"), before


def test_an_old_night_built_again_neither_replaces_the_warehouse_nor_sends_anything(old_again):
    home, out, before = old_again
    assert "The warehouse stays that of 2025-07-01; nothing was sent." in out
    assert before == (hashes(home / "exports"), hashlib.sha256((home / "warehouse.duckdb").read_bytes()).hexdigest())


def test_the_published_warehouse_can_be_read_while_a_later_run_fails(old_again):
    """What a published warehouse's views read stays, though the night's manifest has moved on to other files."""
    home = old_again[0]
    (home / "landing" / "2025-07-01" / "receipts.csv").write_text("receipt_id,issued_at,total_amount\n")
    run_here(home, date(2025, 7, 1), without=("publish", "export", "report", "finish"))
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        assert warehouse.execute("SELECT COUNT(*) FROM order_fact").fetchone()[0] > 1000
        assert warehouse.execute("SELECT COUNT(*) FROM campaign_assignment").fetchone()[0] > 100


def test_bad_data_stops_the_night_with_a_message_and_leaves_what_was_published(finished, tmp_path):
    home = copy_of(finished[0], tmp_path / "home")
    before = table_rows(home)
    (home / "landing" / "2025-07-02" / "receipts.csv").write_text("receipt_id,issued_at\nr1,2025-07-02\n")
    code, _, error = run(home, "--date", "2025-07-02")
    assert code == 1
    assert "receipts.csv: the required column total_amount is missing" in error
    assert "Traceback" not in error
    assert table_rows(home) == before

"""The report: what it says is what the warehouse holds, whatever the warehouse holds."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

import html
import random
import re
import shutil
import stat
import subprocess
from datetime import date, timedelta
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest

from pipelines import report
from pipelines.contracts import Contract, published_tables
from pipelines.engines.sql import literal
from pipelines.report import write_report
from pipelines.report.customers import wilson
from pipelines.report.words import compact, name_of, number
from pipelines.tables.inputs import contract_of

NIGHT = date(2025, 3, 12)
# The columns that a row below gives; the others are NULL, or the plainest value where the contract wants one.
COLUMNS = {
    "kpi_daily": "business_date revenue member_revenue gross_margin receipts orders buyers"
    " average_order_value members new_members active_members benefit_users participation_rate"
    " promo_orders promo_discount",
    "customer_360": "customer_id registered_at acquisition_channel region order_count revenue gross_margin"
    " average_order_value favourite_category online_share points_balance is_active",
    "customer_rfm": "customer_id days_since_last_order order_count revenue recency_score frequency_score"
    " monetary_score rfm_segment",
    "customer_clv": "customer_id frequency recency_days age_days p_alive expected_purchases"
    " expected_purchase_day_value clv clv_low clv_high clv_tier clv_basis horizon_days",
    "customer_churn": "customer_id is_active p_churn churn_tier method horizon_days reason_1 reason_2 reason_3",
    "customer_growth": "customer_id horizon_days spend_last p_spend_more method headroom headroom_category"
    " headroom_category_amount",
    "category_capacity": "category household_count repeated_share is_durable capacity_amount",
    "customer_next_order": "customer_id p_order_again next_order_date reason",
    "churn_calibration": "decile customers predicted actual",
    "backtest": "measure kind as_of_date window_days dimension dimension_value customers predicted actual baseline",
    "backtest_quality": "measure kind as_of_date window_days metric value baseline_value beats_baseline note",
    "customer_segment": "customer_id segment",
    "customer_segment_history": "customer_id segment valid_from valid_to",
    "promo_performance": "promo_code redemptions customers new_customers revenue discount_amount cost_amount"
    " incremental_profit roi method",
    "promotion_performance": "promotion_id redemptions customers new_customers revenue discount_amount cost_amount"
    " incremental_profit roi method",
    "campaign_effect": "campaign_id metric segment treated_customers control_customers treated_mean control_mean"
    " effect ci_low ci_high window_days is_complete method cost_amount incremental_profit roi"
    " roi_low roi_high verdict",
    "campaign_assignment": "campaign_id customer_id channel arm assigned_at assigned_date source",
    "campaign_list": "campaign_id channel customer_id",
    "model_quality": "model metric value note trained_through",
    "data_quality": "source rows_read rows_loaded rows_rejected rows_duplicate rows_superseded",
    "batch_expectation": "source expectation severity is_met observed expected advice",
    "rejected_rows": "source file row_number rule",
}
TABLES = (
    *(c.name for c in published_tables() if c.published == "table" and c.name != "pipeline_run"),
    "customer_growth",
    "customer_next_order",
    "customer_segment",
    "customer_segment_history",
    "campaign_list",
    "campaign_assignment",
)
PLAIN = {"VARCHAR": "x", "DATE": NIGHT, "BOOLEAN": True, "BIGINT": 1, "INTEGER": 1, "DOUBLE": 0.5}
SECTIONS = {
    "headlines",
    "trends",
    "rfm",
    "clv",
    "churn",
    "growth",
    "backtests",
    "segments",
    "promo",
    "campaigns",
    "exports",
    "quality",
    "models",
    "drift",
    "missing",
}
HOSTILE = (
    "<script>alert(1)</script>",
    "]]><svg onload=alert(1)>",
    "</text></svg><img src=http://evil.example/x>",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }}",
    "$\\frac{1}{0}$",
    "url(#x) id=\"y\" &amp; 'z'",
    "nul\x00bell\x07 \u202etxt.exe",
    "=1+1",
    "Скидка 20 %",
)


def filled(contract: Contract, given: dict[str, object]) -> list[object]:
    """A row of a table: what is given, the plainest value of what must not be NULL, and NULL."""
    plain = {c.name: PLAIN.get(c.type, 0 if "DECIMAL" in c.type else NIGHT) for c in contract.columns if c.required}
    return [given.get(c.name, plain.get(c.name)) for c in contract.columns if not c.personal]


def make_warehouse(path: Path, tables: dict[str, list[tuple]], currency: str = "EUR", seconds: float = 1.5) -> Path:
    """A warehouse with every published table as its contract says; what `tables` leaves out is empty."""
    given = {table: [dict(zip(COLUMNS[table].split(), row, strict=True)) for row in tables[table]] for table in tables}
    given["night"] = [{"run_date": NIGHT, "currency": currency}]
    given["pipeline_run"] = [{"code_version": "1.0", "settings": "{}", "seconds": seconds}]
    with duckdb.connect(str(path)) as connection:
        for table in (*TABLES, "night", "pipeline_run"):
            contract = contract_of(table)
            typed = {c.name: c.type for c in contract.columns if not c.personal} | {"run_date": "DATE"}
            connection.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in typed.items())})")
            for row in given.get(table, []):
                values = filled(contract, row) + [NIGHT] * ("run_date" not in {c.name for c in contract.columns})
                connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)
            for column in contract.columns:
                if not column.personal:
                    comment = literal(column.description)
                    connection.execute(f"COMMENT ON COLUMN {table}.{column.name} IS {comment}")
    return path


def full_night(customers: int = 300, days: int = 400) -> dict[str, list[tuple]]:
    """Rows for every table, as a shop of some size would have them."""
    draw = random.Random(7)
    ids = [f"c{i:04}" for i in range(customers)]
    tables: dict[str, list[tuple]] = {table: [] for table in TABLES}
    for i in range(days):
        business_date = NIGHT - timedelta(days=days - 1 - i)
        orders = int((60 + i * 0.08) * (1.5 if business_date.weekday() > 4 else 0.9) * draw.uniform(0.8, 1.2))
        member_revenue = round(orders * draw.uniform(38, 46), 2)
        revenue = round(member_revenue * draw.uniform(1.3, 1.5), 2)
        members, active = 3000 + 5 * i, 1400 + int(1.1 * i) + draw.randint(-15, 15)
        tables["kpi_daily"].append(
            (
                business_date,
                revenue,
                member_revenue,
                None,
                int(orders * 1.4),
                orders,
                orders - 3,
                member_revenue / orders,
                members,
                5,
                active,
                active // 2,
                0.7,
                orders // 5,
                orders * 0.8,
            )
        )
    seldom = ("lost", "hibernating", "at risk", "potential", "new")
    often = ("cannot lose", "at risk", "loyal", "loyal", "champions")
    for i, customer in enumerate(ids):
        orders = min(40, int(draw.paretovariate(1.1)))
        gone = int(draw.expovariate(1 / 110))
        revenue = round(orders * draw.uniform(20, 70), 2)
        recency, frequency = max(1, 5 - gone // 60), min(5, 1 + orders // 2)
        segment = seldom[recency - 1] if frequency < 3 else often[recency - 1]
        value = orders**1.3 * draw.uniform(4, 30) * 0.99**gone
        tier = "A" if value > 120 else "B" if value > 25 else "C"
        p_churn = min(0.98, 0.05 + gone / 130)
        tables["customer_360"].append(
            (customer, None, "shop", "North", orders, revenue, None, revenue / orders, "tea", 0.2, 120, gone <= 90)
        )
        tables["customer_rfm"].append((customer, gone, orders, revenue, recency, frequency, 3, segment))
        tables["customer_clv"].append(
            (
                customer,
                orders - 1,
                gone,
                gone + 200,
                1 - p_churn,
                orders / 4,
                41.0,
                value,
                0.0,
                3 * value,
                tier,
                "margin",
                365,
            )
        )
        risk = "high" if p_churn > 0.6 else "medium" if p_churn > 0.3 else "low"
        why = (f"no order for {gone} days (usually every {1 + i % 9})", "only 1 order in the last 180 days", None)
        told = why if p_churn > 0.6 else (None,) * 3
        tables["customer_churn"].append((customer, gone <= 90, p_churn, risk, "gradient boosting", 90, *told))
        room = None if i % 10 == 0 else 40.5
        category = None if i % 10 == 0 else "tea" if i % 3 else "coffee"
        tables["customer_growth"].append((customer, 90, 12.5, 0.25, "logistic", room, category, room))
        due = (0.9, NIGHT + timedelta(1 + i % 140), None) if i % 4 else (0.2, None, "presumed_gone")
        tables["customer_next_order"].append((customer, *due))
        for chosen in (
            f"rfm: {segment}",
            "online" if i % 3 else "shop only",
            *(["coupon hunters"] if i % 9 == 0 else []),
        ):
            moved = draw.random() < 0.12
            begin = NIGHT - timedelta(days=draw.randint(0, 20) if moved else 60)
            tables["customer_segment"].append((customer, chosen))
            tables["customer_segment_history"].append((customer, chosen, begin, None))
            if moved:
                left = f"rfm: {draw.choice(seldom)}"
                tables["customer_segment_history"].append((customer, left, NIGHT - timedelta(days=60), begin))
    tables["category_capacity"] = [("coffee", 90, 0.9, False, 120.0), ("tea", 100, 0.8, False, 200.0)]
    for decile in range(1, 11):
        predicted = 0.04 + 0.085 * (decile - 1)
        actual = round(predicted + (0.13 if decile == 9 else draw.uniform(-0.02, 0.02)), 4)
        tables["churn_calibration"].append((decile, 310, predicted, actual))
    promos = (
        ("WELCOME10", 420, 401, 310, 18250.50, 1990.20, 500, None, None, None),
        ("SPRING", 390, 322, 40, 15110.00, 3022.00, None, None, None, "before_after"),
        ("BACK5", 160, 160, 0, 6400.00, 800.00, 120, 412.5, 2.4375, "randomised"),
        ("VIP", 88, 71, 0, 9120.40, 410.00, 0, -35.0, None, "randomised"),
    )
    tables["promo_performance"] = list(promos)
    tables["promotion_performance"] = [("spring sale", *promos[1][1:]), ("welcome", *promos[0][1:])]
    effects = (
        ("programme", 4200, 430, 1.45, 0.12, 2.78, True, "randomised", "positive: keep"),
        ("winback-2025-01", 1800, 200, 2.10, 0.40, 3.80, True, "randomised", "positive: keep"),
        ("birthday", 940, 110, 0.35, -0.90, 1.60, True, "randomised", "no effect shown: test longer"),
        ("newsletter-feb", 2600, 300, -0.80, -1.45, -0.15, True, "randomised", "negative: stop"),
        ("points-reminder", 700, 80, 0.90, -1.10, 2.90, False, "randomised", "window open: wait"),
        ("catalogue", 5100, 5100, 0.60, -0.20, 1.40, True, "before_after", "no effect shown"),
    )
    for campaign, treated, control, effect, low, high, done, method, verdict in effects:
        for metric, factor in (("margin_per_customer", 1.0), ("revenue_per_customer", 3.1), ("buyer_rate", 0.01)):
            scaled = (10.2 * factor, (10.2 - effect) * factor, effect * factor, low * factor, high * factor)
            is_margin = metric == "margin_per_customer"
            money = (
                600.0,
                effect * treated,
                effect * treated / 600 - 1,
                low * treated / 600 - 1,
                high * treated / 600 - 1,
            )
            tables["campaign_effect"].append(
                (campaign, metric, "all", treated, control, *scaled, 28, done, method)
                + (money if is_margin else (None,) * 5)
                + (verdict,)
            )
    tables["campaign_effect"].append(
        (
            "birthday",
            "buyer_rate",
            "online",
            300,
            30,
            0.2,
            0.1,
            0.1,
            0.02,
            0.18,
            28,
            True,
            "randomised",
            *(None,) * 5,
            "yes",
        )
    )
    for i, customer in enumerate(ids):
        channel = "email" if i % 3 else "sms"
        arm = "control" if i % 10 == 0 else "treated"
        assigned = NIGHT if i % 2 else NIGHT - timedelta(days=9)
        tables["campaign_assignment"].append(("winback-2025-03", customer, channel, arm, None, assigned, "export"))
        if arm == "treated":
            tables["campaign_list"].append(("winback-2025-03", channel, customer))
            if i % 4 == 0:
                tables["campaign_list"].append(("unused points", "push", customer))
    for day, kind in ((NIGHT - timedelta(days=180), "rolling_origin"), (NIGHT - timedelta(days=90), "published")):
        for measure, ours, actual, naive in (
            ("purchase_days", 3.3, 3.0, 4.0),
            ("churned", 0.27, 0.3, None),
            ("spent_more", 0.3, 0.25, 0.33),
            ("ordered_in_interval", 0.5, 0.4, None),
        ):
            about = (measure, kind, day, 90)
            groups = [("all", "all", 1.0), *(("decile", f"{n:02}", 2 - n / 5.5) for n in range(1, 11))]
            groups += [("rfm_segment", "loyal", 1.2), ("first_order_quarter", "2024-Q1", 0.8)]
            for dimension, name, factor in groups:
                means = (ours * factor, actual * factor, naive and naive * factor)
                tables["backtest"].append((*about, dimension, name, 300, *means))
            metrics = (
                ("mean_absolute_error", "rank_correlation")
                if measure == "purchase_days"
                else ("brier", "auc", "median_error_days")
            )
            for metric in metrics:
                better = None if naive is None else kind == "published"
                tables["backtest_quality"].append((*about, metric, 0.16, naive and 0.2, better, "of 300"))
    young = (NIGHT - timedelta(days=270), 90, "customers", 0.0, None, None, "no customer has a forecast: too young")
    tables["backtest_quality"].append(("churned", "rolling_origin", *young))
    tables["model_quality"] = [
        ("churn", "auc", 0.8134, None, NIGHT - timedelta(days=90)),
        ("churn", "brier", 0.1612, "baseline (share of leavers) 0.2210", NIGHT - timedelta(days=90)),
        ("churn", "psi_score", 0.3012, "alarm; population stability index of active customers", NIGHT),
        ("churn", "psi_order_count_90d", 0.1234, "warning; population stability index of active customers", NIGHT),
        ("churn", "psi_online_share", 0.01, "stable; population stability index of active customers", NIGHT),
        ("churn", "new_model_refused", 1.0, "alarm; the last churn model predicts better and stays", NIGHT),
        ("clv", "spend_new_model_refused", 1.0, "alarm; the last model of spend does better and stays", NIGHT),
        ("growth", "auc", 0.7512, "standard error 0.01", NIGHT),
        ("growth", "psi_spend_last", None, "300 customers tonight; 2,000 are needed", NIGHT),
        ("next_order", "model_age_days", 36.0, "alarm; for more than 35 days no newer one was good enough", NIGHT),
        ("next_order", "coverage", 0.8123, "orders within their interval", NIGHT),
        ("next_order", "median_error_days", 9.0, "days between date and order, either way", NIGHT),
        ("clv", "log_likelihood", -9582.4291, "MBG/NBD", NIGHT),
        ("clv", "forecast_purchases", 1234.4, "of 300 customers", NIGHT),
        ("clv", "forecast_purchases_low", 900.2, "lower end", NIGHT),
        ("clv", "forecast_purchases_high", 1600.9, "upper end", NIGHT),
        ("clv", "held_out_error", 0.31, "on the log scale", NIGHT),
        ("clv", "spend_frequency_correlation", 0.0831, None, NIGHT),
        ("margin", "gross_margin", None, "gross_margin is unknown: no receipt line has a cost_amount.", NIGHT),
    ]
    tables["data_quality"] = [
        ("crm_customers", 312, 306, 2, 4, 12),
        ("promo_redemptions", 64, 64, 0, 0, 0),
        ("receipts", 1204, 1187, 15, 2, 8),
        ("receipt_lines", 5012, 5003, 9, 0, 0),
        ("web_events", 0, 0, 0, 0, 0),
    ]
    tables["batch_expectation"] = [
        ("receipts", "reject_rate", "warn", False, "15 of 1,204 rows are rejected", "At most 1 %.", "See why."),
        ("receipts", "duplicate_rate", "warn", True, "2 of 1,204 rows are duplicates", "At most 10 %.", "Ask."),
    ]
    tables["rejected_rows"] = [
        *(("receipts", "receipts.csv.gz", 10 + i, "total_amount_missing") for i in range(11)),
        *(("receipts", "receipts.csv.gz", 90 + i, "issued_at_in_future") for i in range(4)),
        *(("receipt_lines", "receipt_lines/part-1.parquet", i, "quantity_zero") for i in range(9)),
        *(("crm_customers", "crm_customers.csv", 40 + i, "birth_date_too_early") for i in range(2)),
    ]
    return tables


def hostile_night() -> dict[str, list[tuple]]:
    """Every name that data can bring is one of HOSTILE."""
    tables = full_night(customers=40, days=70)
    for table in ("promo_performance", "promotion_performance"):
        tables[table] = [(name, 5, 4, 1, 90 - i, 9, None, None, None, None) for i, name in enumerate(HOSTILE)]
    effect = (90, 10, 2.0, 1.0, 1.0, 0.5, 1.5, 28, True, HOSTILE[0], None, None, None, None, None, HOSTILE[1])
    tables["campaign_effect"] = [(name, "margin_per_customer", "all", *effect) for name in HOSTILE]
    tables["campaign_list"] = [(name, HOSTILE[0], "c1") for name in HOSTILE]
    tables["campaign_assignment"] = [(name, HOSTILE[0], "c1", "treated", None, NIGHT, "export") for name in HOSTILE]
    tables["customer_segment"] = [(f"c{i}", name) for i, name in enumerate(HOSTILE)]
    tables["customer_segment_history"] = [
        (f"c{i}", name, NIGHT - timedelta(days=(i % 2) * 3), None) for i, name in enumerate(HOSTILE)
    ]
    tables["customer_rfm"] = [(f"c{i}", 3, 2, 100, 5, 1 + i % 5, 3, name) for i, name in enumerate(HOSTILE)]
    tables["customer_clv"] = [
        (f"c{i}", 1, 1, 9, 0.9, 1, 9, 50, 0, 90, name, name, 365) for i, name in enumerate(HOSTILE)
    ]
    names = list(enumerate(HOSTILE))
    tables["customer_churn"] = [(f"c{i}", True, 0.4, name, name, 90, None, None, None) for i, name in names]
    tables["customer_churn"] += [(f"h{i}", True, 0.9, "high", name, 90, name, None, None) for i, name in names]
    tables["customer_growth"] = [(f"c{i}", 90, 5, 0.4, name, 9, name, 9) for i, name in names for _ in range(5)]
    tables["customer_next_order"] = [("c0", 0.9, NIGHT + timedelta(3), None), ("c1", 0.1, None, HOSTILE[0])]
    tables["model_quality"] = [(name, name, 1.0, name, NIGHT) for name in HOSTILE]
    tables["data_quality"] = [(name, 3, 1, 1, 1, 0) for name in HOSTILE]
    tables["batch_expectation"] = [(name, name, "warn", False, name, name, name) for name in HOSTILE]
    tables["rejected_rows"] = [(name, name, 1, name) for name in HOSTILE]
    return tables


class Page(HTMLParser):
    """Elements with their attributes, and the visible text of each table row and section."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[tuple[str, ...]] = []
        self.sections: dict[str, str] = {}
        self._section = ""
        self._cells: list[str] | None = None
        self._skip = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "section":
            self._section = str(dict(attrs)["id"])
            self.sections[self._section] = ""
        if tag == "tr":
            self._cells = []
        if tag in ("th", "td") and self._cells is not None:
            self._cells.append("")
        self._skip = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        if tag == "tr" and self._cells is not None:
            self.rows.append(tuple(self._cells))
            self._cells = None
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if self._cells:
            self._cells[-1] += data
        if self._section and not self._skip:
            self.sections[self._section] += data


def written(tmp_path: Path, tables: dict[str, list[tuple]]) -> str:
    warehouse = make_warehouse(tmp_path / "warehouse.duckdb", tables)
    return write_report(warehouse, tmp_path / "report", mode=0o600, folder_mode=0o700).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def full_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("full"), full_night())


@pytest.fixture(scope="module")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("hostile"), hostile_night())


def assert_self_contained(page: str) -> None:
    found = Page(page).elements
    policy = [a["content"] for tag, a in found if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]
    assert {tag for tag, _ in found} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "foreignobject",
    } == set()
    for _, attributes in found:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("src", "srcset", "action", "xlink:href")
        ]
        assert (attributes.get("href") or "#").startswith("#")
        assert not re.search(r"url\((?!#)", attributes.get("style") or "")
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0] and "@import" not in styles[0]


def test_the_page_loads_nothing_from_elsewhere(full_page: str) -> None:
    assert_self_contained(full_page)
    assert "http://" not in full_page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "https://" not in full_page


def test_all_sections_are_there_and_linked(full_page: str) -> None:
    page = Page(full_page)
    assert set(page.sections) == SECTIONS
    assert {str(a["href"])[1:] for tag, a in page.elements if tag == "a"} == SECTIONS - {"headlines"}


def test_every_chart_says_its_takeaway(full_page: str) -> None:
    page = Page(full_page)
    charts = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(charts) == 20
    captions = [html.unescape(c) for c in re.findall(r"<figcaption>(.*?)</figcaption>", full_page)]
    for attributes, caption in zip(charts, captions, strict=True):
        assert attributes["role"] == "img"
        assert str(attributes["aria-label"]).endswith(caption)
        assert re.search(r"\d", caption)


def test_no_two_elements_share_an_id_and_every_reference_resolves(full_page: str) -> None:
    ids = [attributes["id"] for _, attributes in Page(full_page).elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    references = re.findall(r"url\(#([^)]+)\)", full_page) + re.findall(r'href="#([^"]+)"', full_page)
    assert set(references) <= set(ids)


def test_the_same_night_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    tables = full_night(customers=60, days=70)
    pages = []
    for attempt, seconds in (("first", 1.5), ("second", 99.25)):
        warehouse = make_warehouse(tmp_path / f"{attempt}.duckdb", tables, seconds=seconds)
        path = write_report(warehouse, tmp_path / attempt, mode=0o600, folder_mode=0o700)
        pages.append(path.read_bytes())
    assert pages[0] == pages[1]


def test_the_order_of_rows_in_the_warehouse_does_not_matter(tmp_path: Path) -> None:
    tables = full_night(customers=60, days=70)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    turned = {table: rows[::-1] for table, rows in tables.items()}
    assert written(tmp_path / "a", tables) == written(tmp_path / "b", turned)


def test_figures_on_the_page_are_those_of_the_tables(full_page: str, tmp_path: Path) -> None:
    rows = Page(full_page).rows
    tables = full_night()
    days = tables["kpi_daily"]
    now, before = (f"{sum(d[1] for d in part):,.2f}" for part in (days[-28:], days[-56:-28]))
    assert ("Revenue", f"EUR {now}", f"EUR {before}") in [row[:3] for row in rows]
    assert ("WELCOME10", "420", "401", "310", "EUR 18,250", "EUR 1,990", "EUR 500", "–", "–", "not measured") in rows
    assert ("VIP", "88", "71", "0", "EUR 9,120", "EUR 410", "EUR 0", "EUR −35", "–", "randomised") in rows
    assert ("receipts", "1,204", "1,187", "15", "1.25%", "2", "8") in rows
    assert ("receipts", "total_amount_missing", "11", "1", "receipts.csv.gz, row 10") in rows
    assert ("1", "310", "4.0%", f"{tables['churn_calibration'][0][3]:.1%}") in [row[:4] for row in rows]
    emailed = sum(row[1] == "email" for row in tables["campaign_list"])
    assert ("winback-2025-03", "email", f"{emailed}") in [row[:3] for row in rows]
    champions = [row for row in tables["customer_rfm"] if row[7] == "champions"]
    spent = f"EUR {sum(row[3] for row in champions):,.0f}"
    assert ("champions", str(len(champions)), f"{len(champions) / 300:.1%}", spent) in [row[:4] for row in rows]


def test_campaign_effects_carry_interval_method_and_verdict(full_page: str) -> None:
    rows = Page(full_page).rows
    means = ("EUR 10.20 / EUR 8.10", "+EUR 2.10", "EUR 0.40 to EUR 3.80")
    assert ("winback-2025-01", "1,800 / 200", *means, "positive: keep", "28 days, closed", "randomised") in rows
    assert ("winback-2025-01", "EUR 600", "EUR 3,780", "+530% (20% to 1,040%)") in rows
    others = ("10.20% / 8.10%", "+2.10%", "0.40% to 3.80%", "positive: keep", "28 days, closed", "randomised")
    assert ("winback-2025-01", "share who bought", "1,800 / 200", *others) in rows
    words = Page(full_page).sections["campaigns"]
    assert (
        "Of 3 finished campaigns with a control group, 1 raised margin per customer beyond chance, 1 lowered it"
        in words
    )


def test_a_null_column_is_explained_by_the_models_note_or_else_its_definition(full_page: str, tmp_path: Path) -> None:
    rows = Page(full_page).rows
    assert (
        "customer_360",
        "gross_margin",
        "all",
        "gross_margin is unknown: no receipt line has a cost_amount.",
    ) in rows
    page = written(tmp_path, {"customer_360": [("c1", *(None,) * 3, 0, 0, *(None,) * 5, True)]})
    columns = {column.name: column for column in contract_of("customer_360").columns}
    definition = f"By definition: {columns['gross_margin'].description}"
    assert ("customer_360", "gross_margin", "all", definition) in Page(page).rows


def test_hostile_names_are_only_text(hostile_page: str) -> None:
    assert_self_contained(hostile_page)
    page = Page(hostile_page)
    assert set(page.sections) == SECTIONS
    shown = {row[0] for row in page.rows}
    for name in HOSTILE:
        expected = name_of(name)
        assert expected in shown
        assert name not in hostile_page or not set(name) & set("<>\"'&\x00\x07\u202e")
    assert not set("\x00\x07\u202e") & set(hostile_page)
    assert "]]>" not in hostile_page


def test_hostile_names_cannot_break_out_of_a_chart(hostile_page: str) -> None:
    drawn = re.findall(r"<svg .*?</svg>", hostile_page, re.DOTALL)
    assert len(drawn) == hostile_page.count("<svg ") == 20
    tags = {tag for svg in drawn for tag, _ in Page(svg).elements}
    assert tags <= {"svg", "g", "path", "defs", "use", "text", "tspan", "clippath", "rect"}
    assert any("&lt;script&gt;" in svg for svg in drawn)


def test_an_empty_warehouse_gives_a_page_with_reasons(tmp_path: Path) -> None:
    page = Page(written(tmp_path, {}))
    assert set(page.sections) == SECTIONS
    reasons = {
        "headlines": "There is no figure to lead with",
        "trends": "The table kpi_daily is empty: no receipt is dated on or before this night.",
        "rfm": "The table customer_rfm is empty: no known customer has an order yet.",
        "clv": "The table customer_clv is empty: no known customer has an order to forecast from.",
        "churn": "The table customer_churn is empty: no known customer has an order in the last year.",
        "growth": "The table customer_growth is empty: no known customer has an order in the last year.",
        "drift": "The table model_quality is empty: no model was fitted, or there was nothing to judge it on.",
        "segments": "The table customer_segment is empty: no customer is in a segment yet.",
        "promo": "The table promo_performance is empty: no promo code has been redeemed so far.",
        "campaigns": "The table campaign_effect is empty: no campaign has assigned customers whose window has begun.",
        "exports": "The table campaign_list is empty: no campaign is due tonight, or nobody it may write to qualifies.",
        "quality": "The table data_quality is empty: no extract was read for this night.",
        "models": "The table model_quality is empty: no model was fitted, or there was nothing to judge it on.",
        "missing": "None of the main tables has a row",
    }
    assert {section for section, reason in reasons.items() if reason not in page.sections[section]} == set()


def test_an_empty_section_says_what_tonights_extracts_brought(tmp_path: Path) -> None:
    page = Page(written(tmp_path, {"data_quality": [("promo_codes", 3, 3, 0, 0, 0)]}))
    assert "Tonight's extracts brought promo_codes: 3 rows, promo_redemptions: no extract." in page.sections["promo"]


def test_nulls_are_dashes_not_errors(tmp_path: Path) -> None:
    tables = {}
    for table, columns in COLUMNS.items():
        row = dict(zip((c.name for c in contract_of(table).columns), filled(contract_of(table), {}), strict=True))
        values = {"metric": "buyer_rate", "segment": "all"} if table == "campaign_effect" else {}
        tables[table] = [tuple((row | values)[column] for column in columns.split())]
    page = written(tmp_path, tables)
    assert set(Page(page).sections) == SECTIONS
    assert [section for section, words in Page(page).sections.items() if "is empty:" in words] == []
    for word in ("None", "nan", "NaN", "inf "):
        assert word not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_one_customer_on_a_single_day_with_more_returned_than_bought(tmp_path: Path) -> None:
    tables = {
        "kpi_daily": [(NIGHT, -50.25, -50.25, None, 2, 1, 0, -50.25, 1, 1, 1, 0, 1.0, 0, 0)],
        "customer_rfm": [("c1", 0, 1, -50.25, 1, 1, 1, "new")],
        "customer_clv": [("c1", 0, 0, 0, 1.0, 0.5, -3.0, -1.5, -9, 3, "C", "margin", 365)],
        "customer_churn": [("c1", True, 0.25, "low", "prior", 90, None, None, None)],
        "churn_calibration": [(1, 1, 0.25, 0.0)],
        "customer_segment": [("c1", "new")],
        "customer_segment_history": [("c1", "new", NIGHT, None)],
        "promo_performance": [("OOPS", 1, 1, 1, -50.25, 0, None, None, None, None)],
        "campaign_effect": [
            (
                "c",
                "buyer_rate",
                "all",
                1,
                0,
                1.0,
                *(None,) * 4,
                7,
                False,
                "randomised",
                *(None,) * 5,
                "too small to say",
            )
        ],
    }
    sections = Page(written(tmp_path, tables)).sections
    assert "EUR −50" in sections["headlines"]
    assert "no earlier days to compare with" in sections["trends"]
    assert "All CLV together is not above zero" in sections["clv"]
    assert "first time tonight, so nobody has moved yet" in sections["segments"]
    assert "too small to say" in sections["campaigns"]
    assert "No campaign has a control group and an effect with an interval yet" in sections["campaigns"]


def test_before_after_is_called_no_proof(full_page: str) -> None:
    words = Page(full_page).sections["promo"]
    assert "Only 2 of 4 codes were measured against customers who did not get it." in words
    assert "a change and not its cause, so no ROI" in words


def test_expectations_that_were_not_met_are_listed_and_the_others_counted(full_page: str) -> None:
    page = Page(full_page)
    assert ("receipts", "reject_rate", "15 of 1,204 rows are rejected", "At most 1 %.", "See why.") in page.rows
    assert not [row for row in page.rows if "duplicate_rate" in row]
    assert "1 of 2 expectations of the night's extracts were not met" in page.sections["quality"]


def test_past_forecasts_stand_beside_what_came_and_a_guess(full_page: str) -> None:
    page = Page(full_page)
    said = page.sections["backtests"]
    assert "the forecast of 12 Dec 2024 for 90 days was 3.30 and 3.00 came (10.0% too high)" in said
    assert "1 of 2 forecasts came nearer than the guess that each customer does as in as many days before" in said
    assert "was 27.0% and 30.0% came (10.0% too low)" in said
    assert "Not judged: no customer has a forecast: too young." in said
    assert ("loyal", "300", "3.96", "3.60", "4.80") in page.rows
    assert ("2024-Q1", "300", "21.6%", "24.0%", "–") in page.rows


def test_growth_and_next_orders_of_the_past_are_held_against_what_came(full_page: str) -> None:
    said = Page(full_page).sections["backtests"]
    assert "Customers that spent more: the forecast of 12 Dec 2024 for 90 days was 30.0% and 25.0% came" in said
    assert "Ended intervals that held the next order: the forecast of 12 Dec 2024 for 90 days was 50.0%" in said


def test_what_all_customers_are_expected_to_do_is_told_with_what_the_model_missed(full_page: str) -> None:
    said = Page(full_page).sections["clv"]
    assert "Together they are expected to buy on 1,234 days, with 95% certainty on 900 to 1,601." in said
    assert "missed the purchases that came in it by a factor of 1.36 more than chance explains" in said


# Growth, reasons and drift


def test_who_may_spend_more_and_the_room_there_is_are_sums_of_the_table(full_page: str) -> None:
    page = Page(full_page)
    said = page.sections["growth"]
    assert (
        "Of 300 customers with an order in the last year about 75 (25.0%) are expected to spend more in the next 90"
        " days than in the last 90. Given one who then spent more and one who did not, the model ranks the first higher"
        " 75% of the time"
    ) in said
    assert "270 customers could spend more, EUR 10,935 a year in all, until they spend as much as" in said
    assert ("tea", "180", "EUR 7,290", "EUR 40", "EUR 200") in page.rows
    assert ("coffee", "90", "EUR 3,645", "EUR 40", "EUR 120") in page.rows


def test_orders_are_counted_by_the_week_they_are_due_in(tmp_path: Path) -> None:
    nobody = {"customer_growth": [("c1", 90, 0, None, None, None, None, None)]}
    days = {1: 3, 7: 4, 8: 1, 28: 2, 29: 5, 900: 1}
    dated = [(f"d{n}-{k}", 0.5, NIGHT + timedelta(n), None) for n, many in days.items() for k in range(many)]
    gone = [("g1", 0.1, None, "presumed_gone"), ("g2", None, None, "no_purchase")]
    said = Page(written(tmp_path, nobody | {"customer_next_order": dated + gone})).sections["growth"]
    assert "of 7 customers is due within 7 days, of 10 within 28 days; of those 5 are expected to order again" in said
    assert "Without a date: 2 customers (1 brought back all that was bought; 1 more likely gone than not)." in said


def test_without_models_of_growth_the_page_says_why(tmp_path: Path) -> None:
    tables = {
        "customer_growth": [("c1", 90, 5, None, None, None, None, None)],
        "customer_next_order": [("c1", None, None, "no_model")],
        "model_quality": [
            ("growth", "method", None, "none: 0 of 0 customers spent more", None),
            ("growth", "categories_with_capacity", 0.0, "headroom is NULL: no category has 30 households", None),
            ("next_order", "customers", 1.0, "no model of the next order: 0 of 1 customers bought again", None),
        ],
    }
    page = Page(written(tmp_path, tables))
    said = page.sections["growth"]
    assert "no probability to spend more for any: none: 0 of 0 customers spent more." in said
    assert "Room for more is not known: headroom is NULL: no category has 30 households." in said
    assert "Nobody's next order has a date: no model of the next order: 0 of 1 customers bought again." in said
    assert ("none", "1", "–", "–", "–", "–") in page.rows
    assert "There is no model tonight whose customers and scores could have drifted." in page.sections["drift"]


def test_reasons_are_counted_whatever_figures_they_hold(tmp_path: Path) -> None:
    silent = [
        (f"s{n}", f"no order for {10 * n} days (usually every {n})", "only 1 order in the last 180 days")
        for n in (1, 2)
    ]
    often = [(f"o{n}", f"only {n} orders in the last 180 days", f"orders of about {-n} each") for n in (2, 3, 4)]
    rows = [(name, True, 0.9, "high", "x", 90, first, second, None) for name, first, second in silent + often]
    others = [("m", True, 0.5, "medium", "x", 90, "1 return", None, None)]
    others += [("i", False, 0.9, "high", "x", 90, "1 return", None, None)]
    page = Page(written(tmp_path, {"customer_churn": rows + others}))
    assert (
        "of 5 active customers: most often “only N orders in the last 180 days” (100.0% of them)"
        in page.sections["churn"]
    )
    assert [row for row in page.rows if "N" in row[0]] == [
        ("only N orders in the last 180 days", "5", "100.0%", "3", "2.2"),
        ("orders of about N each", "3", "60.0%", "0", "–"),
        ("no order for N days (usually every M)", "2", "40.0%", "2", "–"),
    ]


def test_without_anyone_at_high_risk_the_page_says_so(tmp_path: Path) -> None:
    tables = {"customer_churn": [("c1", True, 0.25, "low", "x", 90, None, None, None)]}
    assert "No active customer is at high risk tonight." in Page(written(tmp_path, tables)).sections["churn"]


def test_drift_is_said_in_words_with_what_moved(full_page: str) -> None:
    page = Page(full_page)
    said = page.sections["drift"]
    assert (
        "Churn: the scores have moved far: trust them less until the model is fitted again (index 0.301); 1 of 2"
        " features moved somewhat: order count 90d (0.12)."
    ) in said
    assert "Churn: the last churn model predicts better and stays." in said
    assert "Clv: the last model of spend does better and stays." in said
    assert "Growth: not judged, 300 customers tonight; 2,000 are needed." in said
    assert "Next order: for more than 35 days no newer one was good enough." in said
    assert ("churn", "order count 90d", "0.1234", "has moved", "12 Mar 2025") in page.rows


def test_amounts_of_fewer_than_five_customers_are_not_on_the_page(tmp_path: Path) -> None:
    few = [(f"c{n}", 90, 77.77, 0.4, "logistic", 88.88, "rare", 88.88) for n in range(4)]
    many = [(f"d{n}", 90, 10.0, 0.4, "logistic", 20.0, "tea", 20.0) for n in range(5)]
    rfm = [(f"c{n}", 1, 1, 5, 1, 1, 1, "few") for n in range(4)] + [
        (f"d{n}", 1, 1, 5, 1, 1, 1, "many") for n in range(5)
    ]
    page = Page(written(tmp_path, {"customer_growth": few + many, "customer_rfm": rfm}))
    assert ("few", "4", "–", "–", "–", "–") in page.rows
    assert ("many", "5", "40.0%", "2", "EUR 50", "EUR 100") in page.rows
    assert [row for row in page.rows if row[0] in ("tea", "rare")] == [
        ("tea", "5", "EUR 100", "EUR 20", "–"),
        ("rare", "4", "–", "–", "–"),
    ]


def test_before_the_first_backtest_the_page_says_how_to_run_one(tmp_path: Path) -> None:
    said = Page(written(tmp_path, {"kpi_daily": []})).sections["backtests"]
    assert "no backtest has been run yet; `loyalty backtest` runs one" in said


def test_rows_that_do_not_add_up_are_named(tmp_path: Path) -> None:
    tables = {"data_quality": [("receipts", 10, 8, 1, 0, 0), ("stores", 3, 3, 0, 0, 0)]}
    words = Page(written(tmp_path, tables)).sections["quality"]
    assert "Rows do not add up (read is not loaded + rejected + duplicate) for receipts." in words


def test_movement_counts_who_entered_and_left_in_28_days(tmp_path: Path) -> None:
    old = NIGHT - timedelta(days=90)
    tables = {
        "customer_360": [(customer, *(None,) * 3, 0, 0, *(None,) * 5, True) for customer in ("c1", "c2")],
        "customer_segment": [("c1", "loyal"), ("c2", "loyal")],
        "customer_segment_history": [
            ("c1", "loyal", old, None),
            ("c2", "loyal", NIGHT, None),
            ("c3", "loyal", old, NIGHT - timedelta(days=27)),
            ("c4", "loyal", old, NIGHT - timedelta(days=28)),
            ("c2", "new", old, NIGHT),
        ],
    }
    rows = Page(written(tmp_path, tables)).rows
    assert ("loyal", "2", "100.0%", "1", "1", "0") in rows
    assert ("new", "0", "0.0%", "0", "1", "−1") in rows


def test_amounts_are_in_the_nights_currency(tmp_path: Path) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", full_night(customers=12, days=3), currency="KZT")
    page = write_report(warehouse, tmp_path / "out", mode=0o600, folder_mode=0o700).read_text(encoding="utf-8")
    assert "amounts in KZT" in page
    assert "EUR" not in page


def test_file_and_folders_get_the_modes_and_nothing_else_is_left(tmp_path: Path) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", {})
    warehouse.chmod(0o400)
    path = write_report(warehouse, tmp_path / "reports" / "2025-03-12", mode=0o640, folder_mode=0o750)
    assert path == tmp_path / "reports" / "2025-03-12" / "index.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [0o750, 0o750]
    assert list(path.parent.iterdir()) == [path]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["reports", "w.duckdb"]


def test_a_report_that_fails_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", {})
    path = write_report(warehouse, tmp_path / "out", mode=0o600, folder_mode=0o700)
    before = path.read_bytes()
    monkeypatch.setattr(report.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_report(warehouse, tmp_path / "out", mode=0o600, folder_mode=0o700)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_warehouse_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(duckdb.IOException):
        write_report(tmp_path / "none.duckdb", tmp_path / "out", mode=0o600, folder_mode=0o700)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("value", "exact", "short"),
    [
        (0, "0", "0"),
        (-0.2, "0", "−0.20"),
        (1234567.8, "1,234,568", "1.23m"),
        (-98765, "−98,765", "−98.8k"),
        (654321, "654,321", "654k"),
        (7.25, "7", "7.2"),
        (None, "–", "–"),
        (float("nan"), "–", "–"),
    ],
)
def test_numbers_as_people_read_them(value: float | None, exact: str, short: str) -> None:
    assert number(value) == exact
    assert compact(value) == short


def test_wilson_interval_of_ten_in_a_hundred() -> None:
    low, high = wilson(0.1, 100)
    assert (round(low, 4), round(high, 4)) == (0.0552, 0.1744)


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on PATH to open the page with")
@pytest.mark.parametrize("kind", ["full", "hostile"])
def test_a_browser_shows_every_section_and_complains_of_nothing(
    kind: str, full_page: str, hostile_page: str, tmp_path: Path
) -> None:
    path = tmp_path / "index.html"
    path.write_text({"full": full_page, "hostile": hostile_page}[kind], encoding="utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--disable-dev-shm-usage", "--enable-logging=stderr", "--v=0"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    page = Page(done.stdout)
    assert set(page.sections) == SECTIONS
    assert {tag for tag, _ in page.elements} & {"script", "img", "foreignobject"} == set()
    assert len([tag for tag, _ in page.elements if tag == "svg"]) == 20

"""Warehouses for tests of the report: tables as their contracts say, filled with given rows; and the page of one."""

from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import duckdb

from pipelines.contracts import Contract, published_tables
from pipelines.engines.sql import literal
from pipelines.report.write import write_report
from pipelines.tables.inputs import contract_of

Tables = dict[str, list[tuple]]

NIGHT = date(2025, 3, 12)
# The columns that a row below gives; the others are NULL, or the plainest value where the contract wants one.
COLUMNS = {
    "store_like_for_like": "business_month compared_with store_id is_complete reason revenue compared_revenue receipts"
    " compared_receipts",
    "kpi_daily": "business_date revenue member_revenue gross_margin receipts orders buyers"
    " average_order_value members new_members active_members benefit_users participation_rate"
    " promo_orders promo_discount",
    "customer_360": "customer_id registered_at acquisition_channel region order_count revenue gross_margin"
    " average_order_value favourite_category online_share points_balance is_active",
    "plan_actual": "metric cut cut_value period period_start plan_value actual_value difference reached_share"
    " period_days days_over is_over to_date_share to_date_difference actual_reason",
    "growth_target": "metric base_from base_until target_month segment growth base_value target_value last_month"
    " last_month_value month_before_value",
    "target_warning": "warning_number message",
    "customer_rfm": "customer_id days_since_last_order order_count revenue recency_score frequency_score"
    " monetary_score rfm_segment",
    "customer_clv": "customer_id frequency recency_days age_days p_alive expected_purchases"
    " expected_purchase_day_value clv clv_low clv_high clv_tier clv_basis horizon_days",
    "customer_clv_horizon": "customer_id horizon_days expected_purchases clv",
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
    "spend_waste": "subject_kind subject_id verdict reason cost_amount discount_amount wasted_amount money_rank",
    "price_slip_monthly": "finding business_month subject_count slip_count lost_amount overcharged_amount",
    "campaign_effect": "campaign_id metric segment treated_customers control_customers treated_mean control_mean"
    " effect ci_low ci_high window_days is_complete method cost_amount incremental_profit roi"
    " roi_low roi_high verdict pending_customers arm compared_with is_primary shrunken_effect break_even_effect change",
    "campaign_assignment": "campaign_id customer_id channel arm assigned_at assigned_date source",
    "campaign_list": "campaign_id channel customer_id",
    "campaign_exclusion": "campaign_id customer_id channel reason decided_by",
    "campaign_hold": "campaign_id reason",
    "model_quality": "model metric value note trained_through",
    "reconciliation": "business_month receipts sale_receipts return_receipts sales_amount return_amount revenue"
    " gift_card_amount discount_amount customers new_customers line_count line_gap receipts_off_lines"
    " lines_without_receipt amount_without_receipt rejected_receipts rejected_amount",
    "reconciliation_rejected": "business_month source rule lost_rows recovered_rows estimated_rows lost_amount",
    "data_quality": "source rows_read rows_loaded rows_rejected rows_duplicate rows_superseded",
    "batch_expectation": "source expectation severity is_met observed expected advice",
    "rejected_rows": "source file row_number rule",
}
TABLES = (
    *(c.name for c in published_tables() if c.published == "table" and c.name not in ("night", "pipeline_run")),
    "customer_growth",
    "customer_next_order",
    "customer_segment",
    "customer_segment_history",
    "campaign_list",
    "campaign_assignment",
    "campaign_exclusion",
    "campaign_hold",
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
    "reconciliation",
    "quality",
    "models",
    "drift",
    "missing",
}


def filled(contract: Contract, given: dict[str, object]) -> list[object]:
    """A row of a table: what is given, the plainest value of what must not be NULL, and NULL."""
    plain = {c.name: PLAIN.get(c.type, 0 if "DECIMAL" in c.type else NIGHT) for c in contract.columns if c.required}
    return [given.get(c.name, plain.get(c.name)) for c in contract.columns if not c.personal]


def make_warehouse(path: Path, tables: Tables, currency: str = "EUR", seconds: float = 1.5) -> Path:
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


def written(tmp_path: Path, tables: Tables) -> str:
    warehouse = make_warehouse(tmp_path / "warehouse.duckdb", tables)
    return write_report(warehouse, tmp_path / "report", mode=0o600, folder_mode=0o700).read_text(encoding="utf-8")

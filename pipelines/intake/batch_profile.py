"""The profile of a batch: counts and shares of tonight's extract, and of the nights before."""

from datetime import date, timedelta

import pyarrow as pa

from pipelines.contracts import Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier, literal
from pipelines.intake.staging_contracts import staged_columns
from pipelines.store.lake import Night

KEPT_NIGHTS = timedelta(weeks=8)  # of earlier nights' profiles


COMPARED_COLUMNS = 1_000_000  # receipts: more say no more about the share whose lines do not add up


PROFILE = pa.schema(
    [("profile_date", pa.date32()), ("source", pa.string()), ("metric", pa.string()), ("value", pa.float64())]
)


Profile = dict[str, float]


def profile_history(engine: DuckDBEngine, run_date: date) -> dict[str, dict[date, Profile]]:
    """Profiles of the batches of the last weeks before tonight: by source, by night, oldest first."""
    found: dict[str, dict[date, Profile]] = {}
    for source, day, metric, value in engine.rows(
        "SELECT source, profile_date, metric, value FROM history.batch_profile "
        f"WHERE profile_date >= DATE '{run_date - KEPT_NIGHTS}' ORDER BY ALL"
    ):
        found.setdefault(source, {}).setdefault(day, {})[metric] = value
    return found


def batch_profile(contract: Contract, night: Night, engine: DuckDBEngine, *, is_first: bool) -> Profile:
    """Counts and shares of tonight's batch of a source by name; none of them tells of a person.

    Of the first batch, which nothing is compared with, no more than what is judged at once.
    """
    state = night.table(contract.name)
    profile = {name: float(count) for name, count in state.info["counts"].items()}
    rows = tonight_rows(contract.name, night, engine)
    if rows is None:
        return profile
    measures = {} if is_first else _measures(contract, night.run_date)
    if contract.name == "receipt_lines" and (receipts := tonight_rows("receipts", night, engine)):
        one_in = max(night.table("receipts").info["counts"]["rows_loaded"] // COMPARED_COLUMNS, 1)
        profile |= _lines_that_add_up(rows, receipts, engine, one_in)
    if measures:
        values = engine.rows(f"SELECT {', '.join(measures.values())} FROM {rows}")[0]
        profile |= {name: float(value) for name, value in zip(measures, values, strict=True) if value is not None}
    return profile


def tonight_rows(source: str, night: Night, engine: DuckDBEngine) -> str | None:
    """What to write after FROM to read the rows that tonight brought; None if there are none."""
    parts = [part for part in night.table(source).written_by(night.run_date) if part.rows]
    return engine.scan_files(parts) if parts else None


def _measures(contract: Contract, run_date: date) -> dict[str, str]:
    """SQL of each measure: days since the newest and the oldest event, shares of NULL and of known values."""
    given = {column.name for column in contract.columns}
    events = [c.name for c in staged_columns(contract) if c.name not in given and c.name != "landing_date"]
    found = {}
    if events and contract.load == "delta":  # the rows of a full load may be of any age
        past = [f"CASE WHEN {identifier(name)} <= DATE '{run_date}' THEN {identifier(name)} END" for name in events]
        found["days_behind"] = f"DATE '{run_date}' - MAX(GREATEST({', '.join(past)}))"
        found["days_back"] = f"DATE '{run_date}' - MIN(LEAST({', '.join(past)}))"
    for column in contract.columns:
        if column.personal:
            continue
        name = identifier(column.name)
        if not column.required:
            found[f"null_share:{column.name}"] = f"1 - CAST(COUNT({name}) AS DOUBLE) / COUNT(*)"
        for value in column.values:
            is_value = f"COUNT(CASE WHEN {name} = {literal(value)} THEN 1 END)"
            found[f"value_share:{column.name}={value}"] = f"CAST({is_value} AS DOUBLE) / COUNT(*)"
    return found


def _lines_that_add_up(lines: str, receipts: str, engine: DuckDBEngine, one_in: int) -> Profile:
    """Receipts that came with lines tonight, and those of them whose lines can't be made to add up to the total.

    Of very many only one in so many is looked at. Tills differ in what stands on the receipt alone: a discount or
    points taken off the lines' sum, tax put on top.
    """
    off_the_sum = ("", " - discount", " - points", " - discount - points")
    nearest = ", ".join(f"ABS(total - (lines{off}{tax}))" for off in off_the_sum for tax in ("", " + tax"))
    compared, off = engine.rows(
        f"""
        WITH receipt_sum AS (
            SELECT receipt_id, ABS(SUM(amount)) AS lines FROM {lines}
            WHERE HASH(receipt_id) % {one_in} = 0 GROUP BY receipt_id
        ),
        compared AS (
            SELECT
                receipt_sum.lines,
                ABS(receipt.total_amount) AS total,
                ABS(COALESCE(receipt.discount_amount, 0)) AS discount,
                ABS(COALESCE(receipt.points_amount, 0)) AS points,
                ABS(COALESCE(receipt.tax_amount, 0)) AS tax
            FROM receipt_sum
            INNER JOIN {receipts} AS receipt ON receipt_sum.receipt_id = receipt.receipt_id
        )
        SELECT COUNT(*), COUNT(CASE WHEN LEAST({nearest}) > 0.01 THEN 1 END) FROM compared
        """
    )[0]
    return {"receipts_compared": float(compared), "receipts_off": float(off)} if compared else {}

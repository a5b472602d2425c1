"""Tonight's receipts that take the place of an earlier night's receipt of another day: numbers that are used twice."""

from pipelines.contracts import Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.intake.batch_figures import Figure, file_names
from pipelines.intake.batch_profile import tonight_rows
from pipelines.intake.staging_contracts import business_dates, event_time, staging_contracts
from pipelines.store.lake import Night


def replaced_of_other_days(contract: Contract, night: Night, engine: DuckDBEngine) -> dict[str, Figure]:
    """The share of tonight's receipts whose number an earlier night had on another day; nothing for other sources.

    A correction keeps its day. Where nothing was superseded, there is nothing to measure.
    """
    state = night.table(contract.name)
    rows = tonight_rows(contract.name, night, engine) if contract.name == "receipts" else None
    if rows is None or not state.info["rows_superseded"]:
        return {}
    staged = staging_contracts(contract)[0]
    day = next(name for name, time in business_dates(staged).items() if time == event_time(staged))
    earlier = [file for file in state.written_before(night.run_date) if file.rows]
    before = engine.select_files(earlier, [c for c in staged.columns if c.name in ("receipt_id", day)])
    count, other, example = engine.rows(
        f"SELECT COUNT(*), COUNT_IF(old.day <> new.{identifier(day)}), "
        f"MIN(CASE WHEN old.day <> new.{identifier(day)} THEN receipt_id END) FROM {rows} AS new LEFT JOIN "
        f"(SELECT receipt_id, MAX({identifier(day)}) AS day FROM ({before}) "
        f"SEMI JOIN (SELECT receipt_id FROM {rows}) USING (receipt_id) GROUP BY receipt_id) AS old USING (receipt_id)"
    )[0]
    words = f"{other:,} of {count:,} receipts have the receipt_id of a receipt of another day, and take its place"
    if other:
        words += f", for example {example} in {file_names(state)}"
    return {"other_day_share": Figure(other / count, count, words)}

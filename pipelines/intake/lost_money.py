"""The money in rejected rows: how much of a batch's is lost with them, and what is lost over all nights.

Where the amount of a row can't be read, the row counts at the mean of its batch.
"""

from decimal import Decimal

from pipelines.catalog import query
from pipelines.contracts import Contract, sources
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier, literal
from pipelines.intake.batch_figures import SMALL, Figure
from pipelines.intake.batch_profile import tonight_rows
from pipelines.settings import Settings
from pipelines.store.lake import Night

_KEPT = "landing_date, source, file, row_number, rule, event_date, receipt_id, line_number, lost_amount, is_estimated"


def lost_money(contract: Contract, night: Night, engine: DuckDBEngine, rejected_by: str) -> dict[str, Figure]:
    """The share of a batch's money that is in rejected rows; nothing for a source whose contract controls no amount.

    Where nothing is lost, a small batch has no such figure, as it needs no judging.

    Args:
        contract: the source's.
        night: it has the source's rows and rejected rows.
        engine: to read them.
        rejected_by: words on the rules that the rejected rows break.
    """
    if contract.control_amount is None:
        return {}
    kept = tonight_rows(contract.name, night, engine)
    loaded, count = Decimal(0), 0
    if kept:
        amount = identifier(contract.control_amount)
        loaded, count = engine.rows(f"SELECT COALESCE(SUM(ABS({amount})), 0), COUNT(*) FROM {kept}")[0]
    lost, rows, estimated, without = Decimal(0), 0, 0, 0
    if select := _lost_rows(contract, night, engine):
        lost, rows, estimated, without = engine.rows(
            "SELECT COALESCE(SUM(lost_amount), 0), COUNT_IF(lost_amount IS NOT NULL OR is_estimated), "
            f"COUNT_IF(is_estimated), COUNT_IF(is_estimated AND lost_amount IS NULL) FROM ({select})"
        )[0]
    if not rows and count < SMALL:
        return {}
    whole = lost + loaded
    words = f"{lost:,.2f} of {whole:,.2f} of {contract.control_amount} is in {rows:,} rejected rows"
    words += rejected_by if rows else ""
    if estimated:
        words += f"; the amount of {estimated:,} of them was not read, they count at the mean"
    if without:  # nothing at all could be read, so there is no mean either
        words = f"no {contract.control_amount} was read: {rows:,} of {rows + count:,} rows are rejected{rejected_by}"
        return {"lost_amount_share": Figure(rows / (rows + count), rows + count, words)}
    return {"lost_amount_share": Figure(float(lost / whole) if whole else 0.0, rows + count, words)}


def _lost_rows(contract: Contract, night: Night, engine: DuckDBEngine) -> str | None:
    """A SELECT of tonight's rejected rows of a source with the money lost in them; None if there are none."""
    files = [file for file in night.table(f"rejected_{contract.name}").data_files if file.rows]
    if not files:
        return None
    rejected = engine.scan_files(files)
    if contract.control_amount is None:
        return (
            "SELECT source, file, row_number, rule, event_date, receipt_id, line_number, "
            f"CAST(NULL AS DECIMAL(38, 2)) AS lost_amount, FALSE AS is_estimated FROM {rejected}"
        )
    kept = tonight_rows(contract.name, night, engine)
    none = "SELECT CAST(NULL AS DECIMAL(18, 2)) AS amount WHERE FALSE"
    loaded = f"SELECT {identifier(contract.control_amount)} AS amount FROM {kept}" if kept else none
    return (
        f"WITH rejected_row AS (SELECT * FROM {rejected}), loaded_row AS ({loaded}) "
        f"SELECT * FROM ({query('intake/lost_row')}\n)"
    )


def rejection(engine: DuckDBEngine, night: Night, _settings: Settings) -> dict[str, str]:
    """Grain: rejected row of this and earlier nights; of a source that comes whole those of its last extract alone.

    A receipt or a line that is rejected in several nights is there once, as it was rejected last.
    """
    replaced = [
        name
        for name, contract in sources().items()
        if contract.load == "full" and night.table(name).info["counts"]["rows_read"]
    ]
    names = ", ".join(map(literal, replaced)) or "NULL"
    parts = [f"SELECT {_KEPT} FROM history.rejection WHERE COALESCE(source NOT IN ({names}), TRUE)"]
    tonight = filter(None, (_lost_rows(contract, night, engine) for contract in sources().values()))
    parts += [f"SELECT {_KEPT} FROM (SELECT *, DATE '{night.run_date}' AS landing_date FROM ({s}))" for s in tonight]
    latest = (
        "ROW_NUMBER() OVER (PARTITION BY source, receipt_id, line_number "
        "ORDER BY landing_date DESC, file DESC, row_number DESC)"
    )
    return {
        "rejection": f"SELECT * FROM ({' UNION ALL '.join(parts)}) "
        f"QUALIFY (receipt_id IS NULL OR (source = 'receipt_lines' AND line_number IS NULL)) OR {latest} = 1"
    }

"""Lines without their receipt, and receipts without lines: what neither tonight nor an earlier night has brought.

The count is of the night that brought the rows. A later night that brings the missing ones mends the facts.
"""

from pipelines.catalog import query
from pipelines.contracts import sources
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.intake.batch_figures import SMALL, Figure, file_names
from pipelines.intake.batch_profile import Profile, tonight_rows
from pipelines.store.lake import Night

PAIRED = {"receipt_lines": "receipts", "receipts": "receipt_lines"}


def unmatched_rows(source: str, night: Night, engine: DuckDBEngine) -> tuple[Profile, dict[str, Figure]]:
    """How many of tonight's rows of receipts or receipt_lines lack the other; nothing for other sources.

    A void has no lines. Receipts are not asked for lines as long as no night has brought any.

    Returns:
        The metrics for the batch's profile, and the figure that expectations judge.
    """
    rows = tonight_rows(source, night, engine) if source in PAIRED else None
    if rows is None or (source == "receipts" and not night.table("receipt_lines").rows):
        return {}, {}
    wanted = " WHERE COALESCE(operation, '') <> 'void'" if source == "receipts" else ""
    engine.register("tonights_candidate", f"SELECT receipt_id FROM {rows}{wanted}")
    count, example = _unmatched(source, night, engine)
    total = int(engine.rows("SELECT COUNT(*) FROM tonights_candidate")[0][0])
    if source == "receipts":
        profile = {"receipts_with_goods": float(total), "receipts_without_lines": float(count)}
        name, words = "receipts_without_lines_share", f"{count:,} of {total:,} receipts have no line"
    else:
        profile = {"lines_without_receipt": float(count)}
        name, words = "lines_without_receipt_share", f"{count:,} of {total:,} lines have no receipt"
    if not total or not (count or total >= SMALL):
        return profile, {}
    if count:
        words += f", neither tonight's nor an earlier one, for example {example} in {file_names(night.table(source))}"
        words += _rejected(PAIRED[source], night)
    return profile, {name: Figure(count / total, total, words)}


def _unmatched(source: str, night: Night, engine: DuckDBEngine) -> tuple[int, str]:
    """How many of tonight's candidates have no counterpart of any night, and the first receipt_id among them."""
    other = sources()[PAIRED[source]]
    receipt_id = [column for column in other.columns if column.name == "receipt_id"]
    state, candidate = night.table(other.name), "tonights_candidate"
    # Nearly all have theirs of the same night: those of years are asked for the few that do not.
    for part in (state.written_by(night.run_date), state.written_before(night.run_date)):
        files = [file for file in part if file.rows]
        if not files:
            continue
        engine.register("candidate", f"SELECT receipt_id FROM {candidate}")
        engine.register("counterpart", engine.select_files(files, receipt_id))
        candidate = "unmatched_tonight" if candidate == "tonights_candidate" else "unmatched_ever"
        engine.materialise(candidate, query("intake/unmatched"))
    count, example = engine.rows(f"SELECT COUNT(*), MIN(receipt_id) FROM {candidate}")[0]
    return int(count), f"receipt_id {example}"


def _rejected(source: str, night: Night) -> str:
    """What was rejected of the other source tonight: a likely reason."""
    rejected = night.table(source).info["counts"]["rows_rejected"]
    return f"; {rejected:,} rows of {source} were rejected tonight" if rejected else ""

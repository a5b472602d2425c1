"""Values that a column's list lacks: replaced by NULL and counted, where the contract allows it."""

from pathlib import Path

from pipelines.contracts import Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier, literal, one_file
from pipelines.intake.extract import ExtractFile


def without_unknown_values(
    target: Path, contract: Contract, file: ExtractFile, engine: DuckDBEngine
) -> tuple[Path, dict[str, int]]:
    """Put NULL for the values that a column's list lacks, in a file's good rows.

    Only in columns where NULL means nothing (`Column.may_be_unknown`); elsewhere such a row was rejected.

    Args:
        target: The file of the good rows.
        contract: The source's contract.
        file: The extract.
        engine: To read and write Parquet.

    Returns:
        The file of the good rows, a new one if there was such a value; and how many there were, by column.
    """
    listed = [c for c in contract.columns if c.may_be_unknown and c.name in file.columns]
    unknown = {c.name: f"{identifier(c.name)} NOT IN ({', '.join(map(literal, c.values))})" for c in listed}
    if not unknown:
        return target, {}
    rows = f"read_parquet({literal(one_file(target))})"
    counts = engine.rows(f"SELECT {', '.join(f'COUNT_IF({sql})' for sql in unknown.values())} FROM {rows}")[0]
    replaced = {name: count for name, count in zip(unknown, counts, strict=True) if count}
    if not replaced:
        return target, {}
    values = ", ".join(
        f"CASE WHEN {unknown[name]} THEN NULL ELSE {identifier(name)} END AS {identifier(name)}" for name in replaced
    )
    known = target.with_suffix(".known.parquet")
    engine.write_file(f"SELECT * REPLACE ({values}) FROM {rows}", known)
    return known, replaced

"""What a night's extracts were worth: rows by source, and the rows that were rejected."""

import pyarrow as pa

from pipelines.contracts import sources
from pipelines.engine import DuckDBEngine, one_file
from pipelines.ingest import REJECTED
from pipelines.lake import Night
from pipelines.settings import Settings


def data_quality(_engine: DuckDBEngine, night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: source. Rows of tonight's extract; read = loaded + rejected + duplicate."""
    rows = []
    for name in sources():
        info = night.table(name).info
        rows.append(
            {
                "source": name,
                **info["counts"],
                "rows_superseded": info["rows_superseded"],
                "is_present": info["is_present"],
            }
        )
    return {"data_quality": pa.Table.from_pylist(rows)}


def rejected_rows(engine: DuckDBEngine, night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: rejected row of tonight's extracts: where it is and which rule it breaks, without its values."""
    columns = [field for field in REJECTED if field.name != "row_values"]
    found = [pa.table({field.name: pa.array([], field.type) for field in columns})]
    for name in sources():
        for part in night.table(f"rejected_{name}").parts:
            path = one_file(night.lake.path(part.path))
            found.append(engine.arrow("SELECT source, file, row_number, rule FROM read_parquet($path)", {"path": path}))
    return {"rejected_rows": pa.concat_tables(found, promote_options="permissive")}

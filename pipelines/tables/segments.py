"""The segments themselves, as their SQL files say them: for those who ask the warehouse what a segment is."""

import pyarrow as pa

from pipelines.catalog import segment_files
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.lake import Night


def segment(_engine: DuckDBEngine, _night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: segment. What its SQL file says of it in the first comment lines, and its rule: the SELECT below them."""
    texts = {path.stem: described(path.read_text(encoding="utf-8")) for path in segment_files()}
    return {
        "segment": pa.table(
            {
                "segment": pa.array(texts, pa.string()),
                "description": pa.array([description for description, _ in texts.values()], pa.string()),
                "rule": pa.array([rule for _, rule in texts.values()], pa.string()),
            }
        )
    }


def described(sql: str) -> tuple[str, str]:
    """The words of a segment's first comment lines, and its SELECT. `-- Calendar:` is for the pipeline, and left out.

    Raises:
        LoyaltyError: the file does not begin with a comment that says who is in the segment.
    """
    lines = sql.strip().splitlines()
    count = next((n for n, line in enumerate(lines) if not line.startswith("--")), len(lines))
    words = [line.removeprefix("--").strip() for line in lines[:count] if not line.startswith("-- Calendar:")]
    if not any(words):
        begin = lines[0] if lines else ""
        raise LoyaltyError(f"a segment's SQL begins with a comment that says who is in it, not with {begin!r}")
    return " ".join(words), "\n".join(lines[count:])

"""Few data files for rows that many nights wrote: small files become one, so that reading a table stays fast."""

from itertools import groupby

from pipelines.engines.base import Engine
from pipelines.store.manifest import DataFile

# So many small files a table has at most.
MOST_SMALL_FILES = 16

# A file of so many rows is not small: it stays as it is.
LARGE_ROWS = 1_000_000


def merged(files: tuple[DataFile, ...], table: str, engine: Engine) -> tuple[DataFile, ...]:
    """Data files of the same rows: those given or, if too many are small, fewer.

    The latest small ones are merged, and with them those before that have no more rows than they together: so a row is
    written again only when its file at least doubles. Only files of the same columns become one.

    Args:
        files: A table's data files, of nights before tonight.
        table: The table's name.
        engine: To read and write them.
    """
    small = sorted((file for file in files if file.rows < LARGE_ROWS), key=lambda file: (file.night, file.path))
    if len(small) < MOST_SMALL_FILES:
        return files
    tail = small[-(MOST_SMALL_FILES // 2) :]
    for file in reversed(small[: -(MOST_SMALL_FILES // 2)]):
        if file.rows > sum(later.rows for later in tail):
            break
        tail.insert(0, file)
    result = [file for file in files if file not in tail]
    for _, group in groupby(sorted(tail, key=engine.layout_of), key=engine.layout_of):
        same = list(group)
        result += same if len(same) == 1 else _one_file(same, table, engine)
    return tuple(result)


def _one_file(files: list[DataFile], table: str, engine: Engine) -> list[DataFile]:
    night = max(file.night for file in files)
    written = engine.write(f"SELECT * FROM {engine.scan_files(files)}", table)
    return [file.model_copy(update={"night": night}) for file in written if file.rows]

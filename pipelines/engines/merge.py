"""Few data files for rows that many nights wrote: small files become one, so that reading a table stays fast."""

from collections.abc import Iterable
from itertools import groupby

from pipelines.contracts import Contract
from pipelines.engines.base import Engine
from pipelines.engines.sql import identifier
from pipelines.store.manifest import DataFile, TableState

# So many small files a table has at most, and a few larger ones.
MOST_SMALL_FILES = 8

# A file of so many rows is not small: it stays as it is.
LARGE_ROWS = 1_000_000

# A table of which more than this share is superseded is written anew without those rows.
MOST_SUPERSEDED = 0.25

# What a state says of how many of its rows are superseded.
SUPERSEDED_ROWS = "superseded_rows"


def to_merge(files: Iterable[DataFile]) -> list[DataFile]:
    """Which of a table's files are to become one, oldest first; none while they are few.

    They are the latest ones, and of those before all that have no more rows than they together: so a row is written
    again only when its file at least doubles.
    """
    files = sorted(files, key=lambda file: (file.night, file.path))
    if len(files) < MOST_SMALL_FILES:
        return []
    tail = files[-(MOST_SMALL_FILES // 2) :]
    for file in reversed(files[: -len(tail)]):
        if file.rows > sum(later.rows for later in tail):
            break
        tail.insert(0, file)
    return tail


def merged(files: tuple[DataFile, ...], table: str, engine: Engine) -> tuple[DataFile, ...]:
    """Data files of the same rows: those given or, if too many are small, fewer.

    Only files of the same columns become one.

    Args:
        files: A table's data files, of nights before tonight.
        table: The table's name.
        engine: To read and write them.
    """
    tail = to_merge(file for file in files if file.rows < LARGE_ROWS)
    result = [file for file in files if file not in tail]
    for _, group in groupby(sorted(tail, key=engine.layout_of), key=engine.layout_of):
        same = list(group)
        select = f"SELECT * FROM {engine.scan_files(same)}"
        result += same if len(same) == 1 else rewritten(select, table, same, engine)
    return tuple(result)


def compacted(state: TableState, contract: Contract, engine: Engine) -> TableState:
    """A state of the same rows in few files. The superseded rows of those that become one are left out for good.

    Args:
        state: A table as of the night before, of whose superseded rows nobody asks. Each row's landing_date is the
            night that wrote it. All becomes one file if it does not say how many rows are superseded.
        contract: The table's contract.
        engine: To read and write its files.
    """
    known = state.info.get(SUPERSEDED_ROWS, state.rows if state.superseded else 0)
    tail = list(state.data_files) if known > MOST_SUPERSEDED * state.rows else to_merge(state.data_files)
    if not tail:
        return state
    rest = tuple(file for file in state.data_files if file not in tail)
    current = engine.select_of(state.model_copy(update={"data_files": tuple(tail)}), contract)
    written = rewritten(current, contract.name, tail, engine)
    left = known - sum(file.rows for file in tail) + sum(file.rows for file in written) if rest else 0
    superseded: list[DataFile] = []
    if rest and state.superseded:
        columns = [column for column in contract.columns if column.name in ("landing_date", *state.key)]
        names = ", ".join(identifier(column.name) for column in columns)
        entries = f"SELECT {names} FROM ({engine.select_files(state.superseded, columns)})"
        of_rest = f"{entries} WHERE landing_date <= DATE '{max(file.night for file in rest)}'"
        superseded = rewritten(of_rest, f"{contract.name}_superseded", state.superseded, engine)
    return state.model_copy(
        update={
            "data_files": (*rest, *written),
            "superseded": tuple(superseded),
            "info": state.info | {SUPERSEDED_ROWS: left},
        }
    )


def rewritten(select: str, table: str, instead: Iterable[DataFile], engine: Engine) -> list[DataFile]:
    """New files of a table that hold a SELECT's rows in the place of others, of the last night of those."""
    night = max(file.night for file in instead)
    return [file.model_copy(update={"night": night}) for file in engine.write(select, table) if file.rows]

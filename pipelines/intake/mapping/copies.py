"""What an erasure puts in the place of a workbook or of a JSON file: a Parquet copy of all that is in it.

A workbook can't be written here, and JSON may be one line. The copy of orders.xlsx is orders.xlsx.erased.parquet. It is
read as the file that it stands for, by the same sheets, header row and lists, and has the same rows with their numbers.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.errors import BadDataError
from pipelines.intake.mapping.json_rows import DECODER, as_json
from pipelines.intake.workbook import Cell, Sheet, open_sheets

WORKBOOKS = (".xlsx", ".xlsm")
JSON = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
_SUFFIX = ".erased.parquet"
_BATCH = 20_000
_SHEETS = pa.schema(
    [
        ("sheet", pa.string()),
        ("is_shown", pa.bool_()),
        ("row_number", pa.int64()),
        ("texts", pa.list_(pa.string())),
        ("kinds", pa.list_(pa.string())),
    ]
)
_OBJECTS = pa.schema([("object", pa.string())])


def received(path: Path) -> Path:
    """The path of the file as it was received, if this is its copy; else the path itself."""
    return path.with_name(path.name.removesuffix(_SUFFIX)) if is_copy(path) else path


def is_copy(path: Path) -> bool:
    name = path.name.removesuffix(_SUFFIX)
    return name != path.name and name.lower().endswith((*WORKBOOKS, *JSON))


def copy_of(path: Path) -> Path:
    """The path of a file's copy."""
    return path if is_copy(path) else path.with_name(path.name + _SUFFIX)


@contextmanager
def sheets_in(path: Path) -> Iterator[list[Sheet]]:
    """The sheets of a workbook or of its copy.

    Raises:
        BadDataError: it can't be read.
    """
    if not is_copy(path):
        with open_sheets(path) as sheets:
            yield sheets
        return
    with _parquet(path) as file:
        shown: dict[str, bool] = {}
        filled: set[str] = set()
        for batch in file.iter_batches(_BATCH, columns=["sheet", "is_shown", "row_number"]):
            for row in batch.to_pylist():
                shown[row["sheet"]] = row["is_shown"]
                filled |= {row["sheet"]} if row["row_number"] else set()

        def rows(name: str) -> Iterator[tuple[int, list[Cell]]]:
            for batch in file.iter_batches(_BATCH):
                for row in batch.to_pylist():
                    if row["sheet"] == name and row["row_number"]:
                        yield row["row_number"], list(zip(row["texts"], row["kinds"], strict=True))

        yield [Sheet(name, is_shown, name in filled, partial(rows, name)) for name, is_shown in shown.items()]


def write_sheets(sheets: Iterable[Sheet], target: Path) -> None:
    """Write a workbook's sheets as a copy; of an empty one its name is kept."""

    def rows() -> Iterator[dict[str, Any]]:
        for sheet in sheets:
            of_sheet = {"sheet": sheet.name, "is_shown": sheet.is_shown}
            yield of_sheet | {"row_number": 0, "texts": [], "kinds": []}
            for number, cells in sheet.rows():
                texts, kinds = [text for text, _ in cells], [kind for _, kind in cells]
                yield of_sheet | {"row_number": number, "texts": texts, "kinds": kinds}

    _write(rows(), _SHEETS, target)


def objects_of_copy(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON file's copy.

    Raises:
        BadDataError: it can't be read.
    """
    with _parquet(path) as file:
        for batch in file.iter_batches(_BATCH):
            for text in batch.column("object").to_pylist():
                yield DECODER.decode(text)


def write_objects(objects: Iterable[dict[str, Any]], target: Path) -> None:
    """Write a JSON file's objects as a copy."""
    _write(({"object": as_json(found)} for found in objects), _OBJECTS, target)


@contextmanager
def _parquet(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError, KeyError) as error:
        raise BadDataError(f"{path}: the copy that an erasure made is damaged ({type(error).__name__}).") from error


def _write(rows: Iterable[dict[str, Any]], schema: pa.Schema, target: Path) -> None:
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for _, batch in groupby(enumerate(rows), lambda numbered: numbered[0] // _BATCH):
            writer.write_table(pa.Table.from_pylist([row for _, row in batch], schema))
    target.chmod(0o600)

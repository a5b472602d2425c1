"""A JSON or JSON Lines file as rows: one for each object, or one for each part of a list in it.

What an object holds in turn is a column by its path: customer.email. A list stays JSON in its column, unless its name
is given as `rows`: then each of its parts is a row, with all else of the object beside it. One object that holds the
list of all rows, as an API answers with, is looked into.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from pipelines.errors import BadDataError
from pipelines.intake.utf8 import open_text

_BLOCK = 1 << 20
_LARGEST = 1 << 26  # characters of one object
_MOST_COLUMNS = 5000
_MOST_DIGITS = 40  # of a number that is written out

Row = dict[str, str | None]


def objects_in(path: Path, encoding: str, rows: str | None) -> Iterator[dict[str, Any]]:
    """The objects of a file: of an array, one after another, or of the list in the one object that there is.

    Args:
        path: the file.
        encoding: of its text.
        rows: the path of the list in each object whose parts are to be rows; None if the objects are.

    Raises:
        BadDataError: the file is cut off or no JSON, or holds what is no object; the message says which and where.
    """
    found = _objects(path, encoding)
    first = next(found, None)
    if first is None:
        return
    second = next(found, None)
    if second is None and (inner := _wrapped(first, rows)) is not None:
        yield from (_object(item, number, path) for number, item in enumerate(inner, start=1))
        return
    yield first
    if second is not None:
        yield second
        yield from found


def _wrapped(only: dict[str, Any], rows: str | None) -> list[Any] | None:
    """The list of rows in the only object of a file. A list in an order is a part of the order."""
    lists = [v for v in only.values() if isinstance(v, list) and all(isinstance(item, dict) for item in v)]
    step = rows.split(".")[0] if rows else None
    if len(lists) != 1 or step in only:
        return None
    is_page = not any(isinstance(v, dict | str) for v in only.values()) if lists[0] else not any(only.values())
    return lists[0] if is_page or any(step in item for item in lists[0]) else None


def _objects(path: Path, encoding: str) -> Iterator[dict[str, Any]]:
    for number, value in enumerate(_values(path, encoding), start=1):
        yield _object(value, number, path)


def _object(value: Any, number: int, path: Path) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadDataError(
            f"{path}: element {number:,} is no object with names but {_kind(value)}. Export one object a row."
        )
    return value


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


class _Text:
    """A file's text from a place on; what was read is dropped from time to time."""

    def __init__(self, path: Path, encoding: str) -> None:
        name = "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding
        self.path, self.text, self.at, self.is_all = path, "", 0, False
        self._file = open_text(path)
        self._decoder = codecs.getincrementaldecoder(name)("strict")
        self._lines = 1

    def __enter__(self) -> "_Text":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @property
    def left(self) -> int:
        return len(self.text) - self.at

    def more(self) -> bool:
        """Read on, as much again as is waiting; whether there was anything."""
        read = self._file.read(max(_BLOCK, self.left))
        self._lines += self.text.count("\n", 0, self.at)
        self.text = self.text[self.at :] + self._decoder.decode(read, not read)
        self.at, self.is_all = 0, not read
        return bool(read)

    def start(self) -> str:
        """The next character that is no blank; nothing at the end."""
        while True:
            found = _BLANKS.match(self.text, self.at)
            self.at = found.end() if found else self.at
            if self.left or not self.more():
                return self.text[self.at : self.at + 1]

    def fault(self, number: int, what: str) -> BadDataError:
        line = self._lines + self.text.count("\n", 0, self.at)
        return BadDataError(
            f"{self.path}: element {number:,}, which begins in line {line:,}, can't be read as JSON: {what}. "
            "Deliver the file again; it may be cut off, or still be written."
        )


_BLANKS = re.compile(r"[ \t\r\n]*")


def _values(path: Path, encoding: str) -> Iterator[Any]:
    """The elements of the array that a file is, or the values that follow each other in it."""
    with _Text(path, encoding) as text:
        is_array = text.start() == "["
        if is_array:
            text.at += 1
        number = 0
        while True:
            found = text.start()
            if is_array and found == "]":
                text.at += 1
                if text.start():
                    raise text.fault(number + 1, "something stands behind the end of the list")
                return
            if not found and (is_array or not number):
                raise text.fault(number + 1, "the list does not end" if is_array else "the file is empty")
            if not found:
                return
            if is_array and number:
                if found != ",":
                    raise text.fault(number + 1, "there is no comma before it")
                text.at += 1
                text.start()
            number += 1
            yield _next(text, number)


def _next(text: _Text, number: int) -> Any:
    while True:
        try:
            value, end = DECODER.raw_decode(text.text, text.at)
        except json.JSONDecodeError as error:
            if not text.is_all and text.left < _LARGEST and text.more():
                continue
            raise text.fault(number, error.msg if text.is_all else f"it has over {_LARGEST:,} characters") from None
        except (ValueError, RecursionError) as error:
            raise text.fault(number, str(error) if type(error) is ValueError else "it is nested too deep") from None
        text.at = end
        return value


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a name twice")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


DECODER = json.JSONDecoder(
    parse_float=Decimal, parse_int=Decimal, parse_constant=_no_number, object_pairs_hook=_named_once
)


def rows_of(objects: Iterable[dict[str, Any]], rows: str | None, mark: str, path: Path) -> Iterator[Row]:
    """The rows of a file's objects, each by column.

    Args:
        objects: from objects_in.
        rows: the path of the list whose parts are rows; None if the objects are.
        mark: the decimal mark to write numbers with.
        path: of the file, for messages.

    Raises:
        BadDataError: `rows` is no list, or in none of the objects; or a column's name has two meanings.
    """
    number, is_there = 0, rows is None
    for number, found in enumerate(objects, start=1):
        parts = [] if rows is None else parts_of(found, rows, path, number)
        is_there = is_there or parts is not None
        try:
            outer = columns_in(found, mark, without=rows)
            inner = [_columns_of_part(part, f"{rows}", mark) for part in parts or ()]
        except ValueError as error:
            raise BadDataError(f"{path}: element {number:,}: {error}") from None
        yield from ([outer | part for part in inner] or [outer])
    if number and not is_there:
        raise BadDataError(f"{path}: no object has a list {rows!r}, whose parts are to be rows (rows: of the feed).")


def parts_of(found: Any, rows: str, path: Path, number: int) -> list[Any] | None:
    """The list in an object whose parts are rows; None if it has no such name.

    Raises:
        BadDataError: it is no list.
    """
    for step in rows.split("."):
        if not isinstance(found, dict) or step not in found:
            return None
        found = found[step]
    if found is not None and not isinstance(found, list):
        raise BadDataError(
            f"{path}: {rows} of element {number:,} is no list but {_kind(found)}, and its parts are to be "
            "rows (rows: of the feed)."
        )
    return found or []


def _columns_of_part(part: Any, rows: str, mark: str) -> Row:
    return columns_in(part, mark, f"{rows}.") if isinstance(part, dict) else {rows: _text(part, mark)}


def columns_in(found: dict[str, Any], mark: str, before: str = "", without: str | None = None) -> Row:
    """An object's values by column, all called with `before` before them; not what is in the list `without`.

    Raises:
        ValueError: a column's name has two meanings.
    """
    row: Row = {}
    waiting = [(before + name, value) for name, value in reversed(found.items())]
    while waiting:
        name, value = waiting.pop()
        if name == without:
            continue
        if isinstance(value, dict) and value:
            waiting += [(f"{name}.{inner}", item) for inner, item in reversed(value.items())]
            continue
        if name in row:
            raise ValueError(f"it has the column {name!r} twice, as a name and as a path")
        row[name] = _text(value, mark)
    return row


def without_columns(found: Any, texts: Mapping[str, str | None], before: str = "", rows: str | None = None) -> Any:
    """An object with other texts in some of its columns, called as rows_of does; what is in the list `rows` stays."""
    if not isinstance(found, dict):
        return found
    kept = {}
    for key, value in found.items():
        name = before + key
        if name == rows:
            kept[key] = value
        elif isinstance(value, dict) and value:
            kept[key] = without_columns(value, texts, f"{name}.", rows)
        else:
            kept[key] = texts.get(name, value)
    return kept


def with_parts(found: Any, parts: list[Any], rows: str) -> Any:
    """An object with other parts in its list `rows`."""
    step, _, rest = rows.partition(".")
    return {
        key: value if key != step else with_parts(value, parts, rest) if rest else parts for key, value in found.items()
    }


def _text(value: Any, mark: str) -> str | None:
    if value is None or value == {}:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return _number(value).replace(".", mark)
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()  # half a surrogate is no text
    return as_json(value)


def as_json(value: Any) -> str:
    """JSON of what DECODER read, with numbers as they were written."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{as_json(name)}: {as_json(item)}' for name, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(as_json, value))}]"
    if isinstance(value, Decimal):
        return str(value)
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _number(value: Decimal) -> str:
    """A number as it was written, without an exponent and without zeros that make a fraction of a whole one."""
    if value.adjusted() > _MOST_DIGITS or value.as_tuple().exponent < -_MOST_DIGITS:  # type: ignore[operator]
        return str(value)
    text = f"{value:f}"
    whole, _, rest = text.partition(".")
    return whole if not rest.strip("0") else text


def columns_of(rows: Iterable[Row], path: Path) -> tuple[tuple[str, ...], int]:
    """All columns in the order in which they come, and how many rows there are.

    Raises:
        BadDataError: there are so many that the names must be data.
    """
    found: dict[str, None] = {}
    count = 0
    for row in rows:
        count += 1
        if not row.keys() <= found.keys():
            found.update(dict.fromkeys(row))
            if len(found) > _MOST_COLUMNS:
                raise BadDataError(f"{path}: the objects have over {_MOST_COLUMNS:,} different names; are they data?")
    return tuple(found), count

"""What a file is by what it holds, whatever its name says: text, JSON, a workbook or Parquet; and its bytes."""

import codecs
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from pipelines.errors import BadDataError

BLOCK = 1 << 22
_HEAD = 1 << 18  # bytes of the beginning that the layout is read from
_SAMPLE = 1 << 18  # bytes of lines with other than ASCII, from all over the file
_PER_BLOCK = 40  # such lines of a block
_LINE = 400  # bytes before and after the first of them
_OTHER = re.compile(rb"[\x80-\xff]")

Kind = Literal["text", "json", "workbook", "parquet"]

# What other files begin with that are no tables, or none that is read here.
_NO_TABLES = (
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"BZh", "packed by bzip2"),
    (b"\xfd7zXZ", "packed by xz"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x7fELF", "a program"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "XML"),
)


@dataclass(frozen=True)
class Bytes:
    """A text file's bytes, unpacked and seen once from end to end.

    `size` is that of the text. `foreign` holds lines with bytes beyond ASCII from all over the file. `is_utf8` is true
    of ASCII too. `nuls` counts NUL bytes, `damaged_share` is the share of the foreign lines that are no UTF-8.
    `mixed_line_ends`: some lines end as Windows writes them, and others not; a break within a value counts as well.
    """

    size: int
    head: bytes
    foreign: bytes
    is_ascii: bool
    is_utf8: bool
    nuls: int
    damaged_share: float
    carriage_returns_alone: bool
    mixed_line_ends: bool


@dataclass(frozen=True)
class Form:
    """What a file is. `scan` is there for text and JSON."""

    path: Path
    kind: Kind
    packed: bool
    size: int
    scan: Bytes | None = None


def form_of(path: Path) -> Form:
    """What a file is; text is read once from end to end.

    Raises:
        BadDataError: it is no table, or is damaged; the message says what it is and what to do.
    """
    if not path.is_file():
        raise BadDataError(f"{path}: there is no such file")
    size = path.stat().st_size
    if size == 0:
        raise BadDataError(f"{path}: the file is empty. Export it again; even a table without rows has a header line.")
    with path.open("rb") as file:
        start = file.read(16)
    for begins_with, what in _NO_TABLES:
        if start.lower().startswith(begins_with.lower()):
            raise BadDataError(f"{path}: this is {what}, no table. Export it as CSV, Excel, JSON or Parquet.")
    if start.startswith(b"PAR1"):
        return Form(path, "parquet", packed=False, size=size)
    if start.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return Form(path, "workbook", packed=False, size=size)
    packed = start.startswith(b"\x1f\x8b")
    scan = _scan(path, packed=packed)
    if scan.size == 0:
        raise BadDataError(f"{path}: the file is empty once unpacked. Export it again.")
    if _is_binary(scan):
        raise BadDataError(
            f"{path}: this is no text: it has NUL bytes or control characters all over. Export the table as CSV, "
            "Excel, JSON or Parquet."
        )
    return Form(path, "json" if _is_json(scan.head) else "text", packed, size, scan)


def blocks(path: Path, *, packed: bool) -> Iterator[bytes]:
    """A file's bytes, unpacked, a block at a time.

    Raises:
        BadDataError: the gzip file ends too early or is damaged.
    """
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadDataError(
            f"{path}: the gzip file is cut off or damaged ({error}). It may still be written, or the copy broke off: "
            "fetch it again."
        ) from error


def _scan(path: Path, *, packed: bool) -> Bytes:
    head, foreign = bytearray(), bytearray()
    size = nuls = lines = damaged = returns = feeds = 0
    is_ascii, is_utf8 = True, True
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    for block in blocks(path, packed=packed):
        size += len(block)
        nuls += block.count(0)
        returns, feeds = returns + block.count(b"\r"), feeds + block.count(b"\n")
        if len(head) < _HEAD:
            head += block[: _HEAD - len(head)]
        if is_utf8 and not (is_ascii and block.isascii()):
            is_utf8 = _decodes(decoder, block)
        if block.isascii():
            continue
        is_ascii = False
        if len(foreign) < _SAMPLE:
            for line in islice(_other_lines(block), _PER_BLOCK * 10):
                if len(foreign) >= _SAMPLE:
                    break
                foreign += line + b"\n"
                lines += 1
                damaged += not _is_utf8_line(line)
    if is_utf8 and not is_ascii:
        is_utf8 = _decodes(decoder, b"", final=True)
    return Bytes(
        size=size,
        head=bytes(head),
        foreign=bytes(foreign),
        is_ascii=is_ascii,
        is_utf8=is_utf8,
        nuls=nuls,
        damaged_share=damaged / lines if lines else 0.0,
        carriage_returns_alone=returns > 0 and not feeds,
        mixed_line_ends=returns > 0 and feeds > 0 and returns != feeds,
    )


def _other_lines(block: bytes) -> Iterator[bytes]:
    """The lines with other than ASCII; of a long one what is near such a byte."""
    at = 0
    while found := _OTHER.search(block, at):
        first = found.start()
        low, high = max(at, first - _LINE), min(len(block), first + _LINE)
        begin = max(low, *(block.rfind(mark, low, first) + 1 for mark in (b"\n", b"\r")))
        ends = (block.find(mark, first, high) for mark in (b"\n", b"\r"))
        at = min((end for end in ends if end >= 0), default=high)
        yield block[begin:at]


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True


def _is_utf8_line(line: bytes) -> bool:
    """Whether a line is UTF-8; a long one was cut at its ends, perhaps within a character."""
    was_cut = len(line) > _LINE
    try:
        (line.lstrip(bytes(range(0x80, 0xC0))) if was_cut else line).decode("utf-8")
    except UnicodeDecodeError as error:
        return was_cut and error.end >= len(line) - 3 and error.reason == "unexpected end of data"
    return True


def _is_binary(scan: Bytes) -> bool:
    wide = scan.head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or is_wide(scan.head)
    if wide:
        return False
    controls = sum(scan.head.count(bytes([code])) for code in (*range(1, 7), 14, 15, 16, 17, 18, 19, 20))
    return scan.nuls > max(8, scan.size // 1000) or controls > max(8, len(scan.head) // 200)


def is_wide(head: bytes) -> str | None:
    """The UTF-16 that text without a mark at its beginning is in, by where its NUL bytes are."""
    part = head[:4000]
    even, odd = part[0::2].count(0), part[1::2].count(0)
    if odd > 0.3 * len(part) / 2 and even < 0.02 * len(part):
        return "utf-16-le"
    if even > 0.3 * len(part) / 2 and odd < 0.02 * len(part):
        return "utf-16-be"
    return None


def _is_json(head: bytes) -> bool:
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if re.match(rb"\[\s*(\{|\]\s*$)", text):
        return True
    if not text.startswith(b"{"):
        return False
    try:
        json.loads(text.split(b"\n", 1)[0])
    except ValueError:
        return re.match(rb'\{\s*"[^"]*"\s*:', text) is not None
    return True

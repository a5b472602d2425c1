"""A text extract as a stream of UTF-8, however it was compressed and encoded."""

import codecs
import gzip
import io
from pathlib import Path
from typing import IO, Any

from pipelines.dialect import Dialect

BLOCK = 1 << 22  # bytes that are read at a time
_FEW_LETTERS = 5  # so many may look like UTF-8 by chance


def open_text(path: Path) -> IO[bytes]:
    """The bytes of a text extract, decompressed."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def open_utf8(path: Path, dialect: Dialect) -> IO[bytes]:
    """A text extract as UTF-8, decompressed; bytes that can't be decoded stay as they are, which is no UTF-8."""
    raw = open_text(path)
    return raw if dialect.is_utf8 else io.BufferedReader(_Transcoded(raw, dialect.encoding), BLOCK)


def is_utf8_after_all(path: Path, dialect: Dialect) -> bool:
    """Whether a file that is to be read in another encoding begins as text in UTF-8 with letters beyond ASCII.

    Text of another encoding hardly ever is that by chance, as its letters would have to come in certain pairs.
    """
    if codecs.lookup(dialect.encoding).name.startswith("utf"):
        return False
    with open_text(path) as file:
        start = file.read(BLOCK)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return False
    return sum(char > "\x7f" for char in text) >= _FEW_LETTERS


class _Transcoded(io.RawIOBase):
    """A stream of text in some encoding, as UTF-8."""

    def __init__(self, raw: IO[bytes], encoding: str) -> None:
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            block = self._raw.read(BLOCK)
            self._ready = self._decoder.decode(block, not block).encode("utf-8", "surrogateescape")
            if not block:
                break
        taken, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        self._raw.close()
        super().close()

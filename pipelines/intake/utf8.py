"""A text extract as a stream of UTF-8, however it was compressed and encoded."""

import codecs
import gzip
import io
from pathlib import Path
from typing import IO, Any

from pipelines.dialect import Dialect

BLOCK = 1 << 22  # bytes that are read at a time


def open_text(path: Path) -> IO[bytes]:
    """The bytes of a text extract, decompressed."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def open_utf8(path: Path, dialect: Dialect) -> IO[bytes]:
    """A text extract as UTF-8, decompressed; bytes that can't be decoded stay as they are, which is no UTF-8."""
    raw = open_text(path)
    return raw if dialect.is_utf8 else io.BufferedReader(_Transcoded(raw, dialect.encoding), BLOCK)


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

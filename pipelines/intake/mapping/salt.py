"""Ids from e-mails: an HMAC with a salt that only the home has, so that nobody else can tell whose they are.

A bare hash of an address is what advertising platforms match on; and whoever has a list of addresses could try them.
"""

import hmac
import os
import secrets
import unicodedata
from hashlib import sha256
from pathlib import Path

import duckdb

from pipelines.engines.sql import literal
from pipelines.store.lake import Lake

_BLOCK = 64  # bytes of a block of SHA-256, as HMAC pads the key to


def read_salt(lake: Lake) -> str:
    """The home's salt; the first to ask makes it."""
    path = lake.mapping_salt
    if not path.exists():
        _make(path)
    return path.read_text(encoding="ascii").strip()


def _make(path: Path) -> None:
    """Make the salt, whole or not at all; if another step was first, its salt stands."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(own, path)
        except FileExistsError:
            return
    finally:
        own.unlink(missing_ok=True)


def salt_digest(salt: str) -> str:
    """By which a manifest tells whether the salt is still the same, and which gives nothing of it away."""
    return sha256(f"digest of {salt}".encode()).hexdigest()[:16]


def add_id_of_email(connection: duckdb.DuckDBPyConnection, salt: str) -> None:
    """Add id_of_email(text) to SQL: the HMAC-SHA256 of the address without blanks and capitals; NULL for a blank."""
    key = salt.encode().ljust(_BLOCK, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in key) for pad in (0x36, 0x5C))
    address = "LOWER(REGEXP_REPLACE(address, '[\\s\\p{Z}\\p{Cf}]', '', 'g'))"
    digest = f"sha256({_blob(outer)} || unhex(sha256({_blob(inner)} || encode({address}))))"
    connection.execute(f"CREATE OR REPLACE MACRO id_of_email(address) AS CASE WHEN {address} <> '' THEN {digest} END")


def id_of_email(salt: str, address: str) -> str | None:
    """The id that SQL's id_of_email makes of an address."""
    bare = "".join(c for c in address if not c.isspace() and unicodedata.category(c) not in _DROPPED).lower()
    return hmac.digest(salt.encode(), bare.encode("utf-8", "replace"), "sha256").hex() if bare else None


_DROPPED = ("Zs", "Zl", "Zp", "Cf")


def _blob(value: bytes) -> str:
    return f"unhex({literal(value.hex())})"

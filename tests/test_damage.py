"""Damage of every kind to extracts of every source and form: rejected and counted, or an error that names the file."""

import gzip
import io
from functools import cache

import pyarrow as pa
import pyarrow.parquet as pq
from conftest import Retailer
from damage import CELLS, ROWS, damage, damaged
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.contracts import Column, Contract, sources
from pipelines.errors import BadDataError
from pipelines.store.lake import Night

NIGHT = "2018-01-01"
SOURCES = sorted(sources())
ANYTHING = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
VALUES = {
    "BOOLEAN": lambda n: ["true", "false"][n % 2],
    "BIGINT": lambda n: f"{n % 5 + 1}",
    "DATE": lambda n: f"{1950 + 2 * n}-06-15",
    "TIMESTAMP WITH TIME ZONE": lambda n: f"2017-12-{n + 1:02d}T10:00:00",
}


def value(column: Column, n: int) -> str:
    """A good value of a column for the n-th row."""
    if column.values:
        return column.values[n % len(column.values)]
    if column.type.startswith("DECIMAL"):
        return f"{-(n % 5 + 1) if column.name == 'points' else n % 5 + 1}"  # what is spent is below zero
    return VALUES.get(column.type, lambda n: f"{column.name[:4]}-{n:03d}")(n)


@cache
def sound(source: str) -> tuple[Contract, tuple[tuple[str, ...], ...]]:
    """A source's contract with the key first, and good rows; no two have the same first value."""
    contract = sources()[source]
    columns = sorted(contract.columns, key=lambda column: column.name not in contract.key[:1])
    return contract, (
        tuple(column.name for column in columns),
        *(tuple(value(column, n) for column in columns) for n in range(ROWS)),
    )


def load(retailer: Retailer, source: str, name: str, content: bytes) -> Night:
    folder = retailer.home / "landing" / NIGHT
    for old in folder.glob("*"):
        old.unlink()
    retailer.deliver(NIGHT)
    (folder / f"{source}.csv").unlink(missing_ok=True)
    (folder / name).write_bytes(content)
    return retailer.load(NIGHT, only=frozenset({source}))


def state(retailer: Retailer, night: Night, contract: Contract) -> dict[str, tuple[object, ...]]:
    """The loaded rows by the first column of the key."""
    names = [contract.key[0], *(c.name for c in contract.columns if not c.personal)]
    return {f"{row[0]}": row for row in retailer.rows(night, contract.name, ", ".join(names))}


_expected: dict[str, dict[str, tuple[object, ...]]] = {}


def expected(retailer: Retailer, source: str) -> dict[str, tuple[object, ...]]:
    """What the good rows are when they are loaded."""
    if source not in _expected:
        contract, rows = sound(source)
        night = load(retailer, source, f"{source}.csv", "".join(f"{','.join(row)}\n" for row in rows).encode())
        assert retailer.counts(night, source) == (ROWS, ROWS, 0, 0, 0)
        _expected[source] = state(retailer, night, contract)
    return _expected[source]


def check(retailer: Retailer, source: str, name: str, content: bytes, touched: set[str]) -> None:
    """Whatever was done to it: an error that names the file, or every row accounted for and none altered on the way."""
    good = expected(retailer, source)
    try:
        night = load(retailer, source, name, content)
    except BadDataError as error:
        assert f"{source}.{name.partition('.')[2]}" in str(error)
        return
    read, loaded, rejected, duplicate, _ = retailer.counts(night, source)
    assert read == loaded + rejected + duplicate
    assert len(retailer.rejected(night, source)) == rejected
    got = state(retailer, night, sources()[source])
    assert len(got) <= loaded
    touched = {key.casefold() for key in touched}  # codes are loaded in capitals
    for key, row in good.items():
        if key.casefold() not in touched:
            assert got.get(key) == row


@settings(ANYTHING, max_examples=32)
@given(st.sampled_from(SOURCES), st.lists(damage, min_size=1, max_size=3), st.booleans())
def test_damage_to_the_text_of_any_source_costs_the_damaged_rows_at_most(retailer, source, what, is_packed):
    _, (header, *rows) = sound(source)
    lines = [",".join(row).encode() for row in rows]
    touched: set[int] = set()
    for one in what:
        lines, damaged_rows = damaged(lines, one)
        touched |= damaged_rows
    keys = {rows[i][0] for i in touched}
    keys |= {
        part.split(b",")[0].strip(b'" ').decode("utf-8", "replace") for i in touched for part in lines[i].split(b"\n")
    }
    content = b"\n".join([",".join(header).encode(), *lines, b""])
    name = f"{source}.csv.gz" if is_packed else f"{source}.csv"
    check(retailer, source, name, gzip.compress(content) if is_packed else content, keys)


@settings(ANYTHING, max_examples=16)
@given(
    st.sampled_from(SOURCES),
    st.lists(st.tuples(st.integers(0, ROWS - 1), st.integers(0, 99), st.sampled_from([*CELLS, None])), max_size=3),
    st.none() | st.tuples(st.sampled_from(["cut", "flip", "grow"]), st.floats(0, 1)),
)
def test_damage_to_a_parquet_file_of_any_source_is_rejected_rows_or_an_error(retailer, source, cells, bytes_):
    _, (header, *rows) = sound(source)
    table: list[list[str | None]] = [list(row) for row in rows]
    for row, column, cell in cells:
        table[row][column % len(header)] = cell
    buffer = io.BytesIO()
    columns = {name: pa.array([row[i] for row in table], pa.string()) for i, name in enumerate(header)}
    pq.write_table(pa.table(columns), buffer, write_page_checksum=True)
    content = buffer.getvalue()
    keys = {rows[row][0] for row, _, _ in cells} | {f"{table[row][0]}" for row, _, _ in cells}
    if bytes_:
        kind, share = bytes_
        at = int(share * (len(content) - 1))
        rest = content[at + 1 :]
        content = (
            content[:at] + {"cut": b"", "flip": bytes([content[at] ^ 255]) + rest, "grow": b"?" + content[at:]}[kind]
        )
        keys = {row[0] for row in rows}  # Parquet says little of what a byte in it was
    check(retailer, source, f"{source}.parquet", content, keys)


@settings(ANYTHING, max_examples=12)
@given(st.sampled_from(SOURCES), st.sampled_from(["csv", "csv.gz"]), st.floats(0, 1), st.sampled_from(["cut", "flip"]))
def test_a_packed_file_with_any_byte_damaged_or_cut_anywhere_is_an_error_or_whole(retailer, source, form, share, kind):
    _, rows = sound(source)
    content = "".join(f"{','.join(row)}\n" for row in rows).encode()
    if form == "csv.gz":
        content = gzip.compress(content, mtime=0)
    at = int(share * (len(content) - 1))
    broken = content[:at] if kind == "cut" else content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]
    good = expected(retailer, source)
    try:
        night = load(retailer, source, f"{source}.{form}", broken)
    except BadDataError as error:
        assert f"{source}.{form}" in str(error)
        return
    read, loaded, rejected, duplicate, _ = retailer.counts(night, source)
    assert read == loaded + rejected + duplicate
    if form == "csv.gz":  # its checksum leaves nothing but bytes that say nothing of the content
        assert state(retailer, night, sources()[source]) == good

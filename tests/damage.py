"""Damage to an extract's text: what is done to which row, and where in it; for hypothesis to put together."""

from hypothesis import strategies as st

ROWS = 24  # of the extracts that are damaged
Damage = tuple[str, int, int]
damage = st.tuples(
    st.sampled_from(["cut", "twice", "swap", "insert", "cell", "join", "byte", "truncate", "latin"]),
    st.integers(0, ROWS - 1),
    st.integers(0, 200),
)
PIECES = [
    b'"',
    b",",
    b"\0",
    b"\r",
    b"\xff",
    b"\n",
    b'""',
    b"\r\n",
    b'","',
    b"\xef\xbb\xbf",
    b";",
    b"\x1a",
    b"'",
    b"\\",
    b" ",
]
CELLS = [
    "",
    "x" * 3000,
    "1e999",
    "-0",
    "NULL",
    "9" * 40,
    "2017-13-45",
    "infinity",
    '"',
    " ",
    "294247-01-10",
    "٣",
    "0x1F",
    "nan",
]


def damaged(lines: list[bytes], what: Damage) -> tuple[list[bytes], set[int]]:
    """The lines with one thing done to them, and which of the sound rows it touched."""
    kind, row, where = what
    lines = list(lines)
    line = lines[row]
    at = where % (len(line) + 1)
    if kind == "cut":
        lines[row] = line[:at]
    elif kind == "twice":
        lines[row] = line + b"\n" + line
    elif kind == "swap":
        fields = line.split(b",")
        fields[0], fields[where % len(fields)] = fields[where % len(fields)], fields[0]
        lines[row] = b",".join(fields)
    elif kind == "insert":
        lines[row] = line[:at] + PIECES[where % len(PIECES)] + line[at:]
    elif kind == "cell":
        fields = line.split(b",")
        fields[where % len(fields)] = CELLS[where % len(CELLS)].encode()
        lines[row] = b",".join(fields)
    elif kind == "join":
        following = (row + 1) % len(lines)
        lines[row] = line + lines[following]
        lines[following] = b""
        return lines, {row, following}
    elif kind == "byte" and line:
        at = where % len(line)
        lines[row] = line[:at] + bytes([where % 256]) + line[at + 1 :]
    elif kind == "truncate":
        lines[-1] = lines[-1][: where % (len(lines[-1]) + 1)]
        return lines, {len(lines) - 1}
    elif kind == "latin":
        lines[row] = line.decode("utf-8", "replace").encode("cp1251", "replace")
    return lines, {row}

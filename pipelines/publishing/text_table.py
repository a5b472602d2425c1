"""Tables of text for a terminal."""

from collections.abc import Sequence


def text_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells in columns two spaces apart: the first aligned left, the others right. The header is a row too."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
        lines.append(f"  {'  '.join(cells).rstrip()}")
    return "\n".join(lines)

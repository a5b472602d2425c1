"""docs/COVERAGE.md: each simulation writes what it measured between marks of its own."""

from collections.abc import Sequence
from datetime import date

from pipelines.settings import ROOT

PATH = ROOT / "docs" / "COVERAGE.md"


def write_measured(name: str, parts: Sequence[str]) -> None:
    """Put the parts, with the day, between the marks <!-- name --> and <!-- /name -->."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    page = PATH.read_text(encoding="utf-8")
    head, _, rest = page.partition(begin)
    _, mark, tail = rest.partition(end)
    assert mark, f"{PATH} has no marks of {name}"
    measured = "\n\n".join((f"Measured on {date.today()}.", *parts))
    PATH.write_text(f"{head}{begin}\n{measured}\n\n{end}{tail}", encoding="utf-8")

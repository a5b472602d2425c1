"""The questions of docs/RECIPES.md with their SQL; as a program, it shows the rows of a home's warehouse below each.

.venv/bin/python tests/recipes.py data
"""

import re
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "RECIPES.md"
_SHOWN_ROWS = 5


class Recipe(NamedTuple):
    """A question, its SELECT, and what the document shows below it."""

    question: str
    sql: str
    shown: str


def recipes() -> list[Recipe]:
    """All recipes, in the document's order."""
    found = []
    for chapter in re.split(r"^(?=## )", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, _, rest = chapter.partition("\n\n```sql\n")
        sql, _, shown = rest.partition("\n```\n")
        found.append(Recipe(head.partition(". ")[2], sql, shown.strip()))
    return found


def shown_rows(sql: str, warehouse: duckdb.DuckDBPyConnection) -> str:
    """The first rows of a SELECT as a Markdown table, and how many there are in all."""
    found = warehouse.execute(sql)
    header = [column[0] for column in found.description]
    rows = found.fetchall()
    lines = [" | ".join(header), "|".join("---" for _ in header)]
    lines += [" | ".join(map(_cell, row)) for row in rows[:_SHOWN_ROWS]]
    more = f"\n\n{len(rows):,} rows in all.\n" if len(rows) > _SHOWN_ROWS else "\n"
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines) + more


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()[:10]
    if isinstance(value, Decimal):
        return f"{value:,.2f}" if value != value.to_integral_value() else f"{value:,.0f}"
    if isinstance(value, float):
        return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.3g}"
    return f"{value:,}" if type(value) is int else str(value).replace("|", "/")


def write(home: Path) -> None:
    """Show below each question the rows that a home's warehouse has."""
    text = DOCUMENT.read_text()
    head = re.split(r"^(?=## )", text, flags=re.M)[0]
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        chapters = [
            f"## {n}. {recipe.question}\n\n```sql\n{recipe.sql}\n```\n\n{shown_rows(recipe.sql, warehouse)}\n"
            for n, recipe in enumerate(recipes(), 1)
        ]
    DOCUMENT.write_text(head + "".join(chapters).rstrip() + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))

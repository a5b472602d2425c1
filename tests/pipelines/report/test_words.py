"""Numbers as people read them."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

import pytest

from pipelines.report.words import compact, number


@pytest.mark.parametrize(
    ("value", "exact", "short"),
    [
        (0, "0", "0"),
        (-0.2, "0", "−0.20"),
        (1234567.8, "1,234,568", "1.23m"),
        (-98765, "−98,765", "−98.8k"),
        (654321, "654,321", "654k"),
        (7.25, "7", "7.2"),
        (None, "–", "–"),
        (float("nan"), "–", "–"),
    ],
)
def test_numbers_as_people_read_them(value: float | None, exact: str, short: str) -> None:
    assert number(value) == exact
    assert compact(value) == short

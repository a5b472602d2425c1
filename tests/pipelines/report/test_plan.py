"""The section of plans is there where something is planned, or something is wrong with the file."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

from datetime import date
from decimal import Decimal
from pathlib import Path

from report_warehouse import Page, written


def test_without_a_plan_there_is_no_section(tmp_path: Path) -> None:
    assert "plan" not in Page(written(tmp_path, {})).sections


def test_what_has_begun_is_shown_running_periods_first(tmp_path: Path) -> None:
    def row(start: date, value: int | None, over: int, share: float, reason: str | None) -> tuple[object, ...]:
        reached = None if value is None else value / 100
        off = None if value is None else Decimal(value - 100)
        is_over = over == 31
        return ("revenue", "all", "all", "month", start, 100, value, off, reached, 31, over, is_over, share, 3, reason)

    plans = [
        row(date(2025, 1, 1), 120, 31, 1.0, "begins_before_the_data"),
        row(date(2025, 3, 1), 45, 12, 0.4, None),
        row(date(2025, 4, 1), None, 0, 0.0, "not_begun"),
    ]
    page = Page(written(tmp_path, {"plan_actual": plans}))
    shown = [found for found in page.rows if found[0] == "revenue"]
    assert shown == [
        ("revenue", "all", "month of 2025-03-01", "100", "45", "−55", "45.0%", "40.0%", "3", "12 of 31 days"),
        (
            *("revenue", "all", "month of 2025-01-01", "100", "120", "20", "120.0%", "100.0%", "3"),
            "over; begins before the data",
        ),
    ]
    assert "3 figures of a period planned, 2 of them for periods that have begun." in page.sections["plan"]


def test_a_growth_target_stands_in_a_sentence(tmp_path: Path) -> None:
    base = (date(2025, 1, 1), date(2025, 2, 28))
    target = ("average_receipt", *base, date(2026, 6, 1), "all", 0.2, 20.0, 24.0, date(2025, 2, 1), 20.5, 19.0)
    page = Page(written(tmp_path, {"growth_target": [target]}))
    said = (
        "Target: average_receipt up by 20.0% from 20 (1 Jan 2025 to 28 Feb 2025) to 24 by Jun 2026. Of Feb 2025 alone"
        " it was 20.50, of the month before 19."
    )
    assert said in page.sections["plan"]


def test_what_is_wrong_with_the_file_is_said(tmp_path: Path) -> None:
    page = Page(written(tmp_path, {"target_warning": [(1, "targets.yaml, line 3: <b>no</b> plan")]}))
    assert ("targets.yaml, line 3: <b>no</b> plan",) in page.rows
    assert "A file with a fault plans nothing." in page.sections["plan"]

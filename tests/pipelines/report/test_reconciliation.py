"""The section that is held against the back office, and its CSV."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

import stat
from datetime import date
from pathlib import Path

from report_warehouse import Page, make_warehouse, written

from pipelines.report.write import write_report


def test_the_last_thirteen_months_the_others_and_all_add_up(full_page: str) -> None:
    rows = Page(full_page).rows
    start = next(n for n, row in enumerate(rows) if [*map(str.strip, row)][6:7] == ["Buyers"])
    shown = [row[0] for row in rows[start + 1 : start + 16]]
    assert shown == ["Mar 2024", "Apr 2024", *shown[2:11], "Feb 2025", "Mar 2025", "Other months", "All"]
    tail = rows[start + 13 : start + 16]
    assert tail == [
        ("Mar 2025", "10", "100.00", "0.50", "99.50", "–", "4", "1", "20", "2.25", "10.10"),
        ("Other months", "20", "200.00", "1.00", "199.00", "–", "2", "2", "40", "0.00", "5.05"),
        ("All", "150", "1,500.00", "7.50", "1,492.50", "–", "15", "15", "300", "2.25", "15.15"),
    ]


def test_what_is_left_out_is_named_with_its_amount_and_nothing_else_is(full_page: str) -> None:
    page = Page(full_page)
    named = {row[0]: row[1:3] for row in page.rows if len(row) == 4}
    assert named["Receipts rejected"] == ("3", "15.15")
    assert named["Lines without their receipt"] == ("3", "7.50")
    assert named["Receipts whose lines do not add up"] == ("1", "2.25")
    assert "Receipts taken back" not in named or named["Receipts taken back"][0] != "0"
    assert ("receipts", "total_amount_unreadable", "2", "2", "10.10", "1") in page.rows
    assert ("surveys", "score_out_of_range", "4", "0", "–", "0") in page.rows
    words = page.sections["reconciliation"]
    assert "150 receipts bring EUR 1,492.50: sales of EUR 1,500.00 less returns of EUR 7.50." in words
    assert "3 receipts of EUR 15.15 (0.99% of the money) broke a rule" in words


def test_the_csv_has_every_month_and_column_and_is_private(tmp_path: Path) -> None:
    month = (2, 1, 1, "10.50", "2.00", "8.50", 0, "1.00", 1, 1, 3, "-0.50", 1)
    tables = {
        "reconciliation": [(None, *(0,) * 7, None, *(0,) * 7, 1, "5.05"), (date(2025, 2, 1), *month, 0, 0, 0, 0)],
        "reconciliation_rejected": [(None, "receipts", "issued_at_unreadable", 1, 0, 0, "5.05")],
    }
    out = tmp_path / "report"
    write_report(make_warehouse(tmp_path / "w.duckdb", tables), out, mode=0o600, folder_mode=0o700)
    header, dated, undated = (out / "reconciliation.csv").read_text().splitlines()
    assert header.startswith("business_month,receipts,sale_receipts,return_receipts,")
    assert "run_date" not in header
    by_name = dict(zip(header.split(","), dated.split(","), strict=True))
    assert (by_name["business_month"], by_name["revenue"], by_name["line_gap"]) == ("2025-02-01", "8.50", "-0.50")
    assert undated.startswith(",0,0,0,")
    assert (out / "reconciliation_rejected.csv").read_text().splitlines() == [
        "business_month,source,rule,lost_rows,recovered_rows,estimated_rows,lost_amount",
        ",receipts,issued_at_unreadable,1,0,0,5.05",
    ]
    assert {stat.S_IMODE(path.stat().st_mode) for path in out.iterdir()} == {0o600}


def test_amounts_below_nothing_are_shown_with_a_minus(tmp_path: Path) -> None:
    month = (date(2025, 2, 1), 2, 1, 1, "1.00", "3.00", "-2.00", 0, None, 1, 1, 3, "-0.50", 1, 0, 0, 0, 0)
    rows = Page(written(tmp_path, {"reconciliation": [month]})).rows
    assert ("Feb 2025", "2", "1.00", "3.00", "−2.00", "–", "1", "1", "3", "−0.50", "0.00") in rows

"""Receipts that differ from their lines, by the likeliest cause; and what is strange about them as a whole."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from types import SimpleNamespace

import pytest
from slips import GAPS, NIGHT, Files, delivery

from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import literal
from pipelines.intake.stage import Counts
from pipelines.ops.check.receipts import Day, gap_words, oddities_of_days
from pipelines.settings import Settings
from pipelines.store.lake import Lake

DAY = date(2025, 7, 1)
NONE = "CAST(NULL AS DECIMAL(18, 2)) AS"
SELECTS = {
    "receipts": (
        "receipt_id, CAST(total_amount AS DECIMAL(18, 2)) AS total_amount, "
        f"{NONE} discount_amount, {NONE} points_amount, {NONE} tax_amount"
    ),
    "receipt_lines": (
        "receipt_id, CAST(quantity AS DECIMAL(18, 3)) AS quantity, CAST(amount AS DECIMAL(18, 2)) AS amount"
    ),
}


@pytest.fixture
def engine(tmp_path) -> Iterator[DuckDBEngine]:
    with DuckDBEngine(Lake(tmp_path).open_night(DAY, "case"), Settings(home=tmp_path, threads=1)) as engine:
        yield engine


def words(files: Files, engine: DuckDBEngine, tmp_path, rejected: str | None = None) -> list[str]:
    """What is said of receipts and lines that were read as they stand."""

    def rows(source: str) -> str:
        path = tmp_path / f"{source}.csv"
        path.write_bytes(files[f"{source}.csv"])
        return f"(SELECT {SELECTS[source]} FROM read_csv({literal(str(path))}, all_varchar = true))"

    reading = SimpleNamespace(
        engine=engine, rows=rows, rejected=lambda _: rejected, counts=lambda _: Counts(rows_loaded=40)
    )
    return list(gap_words(reading))


@pytest.mark.parametrize("slip", GAPS)
def test_the_likeliest_cause_of_a_difference_is_named(slip, engine, tmp_path):
    files = delivery(NIGHT)
    change, cause = GAPS[slip]
    change(files)
    summary, *causes = words(files, engine, tmp_path)
    assert summary.startswith("receipts: 40 of 40 do not add up to their lines, also with discount, points and tax ")
    assert [cause in said for said in causes] == [True]


def test_of_receipts_that_fit_their_lines_nothing_is_said(engine, tmp_path):
    assert words(delivery(NIGHT), engine, tmp_path) == []


def test_a_receipt_of_which_a_line_was_rejected_is_not_compared(engine, tmp_path):
    files = delivery(NIGHT)
    files["receipt_lines.csv"] = files["receipt_lines.csv"].replace(b"2025-07-01/3,2,p10,2,23.39\n", b"")
    assert words(files, engine, tmp_path)[0].startswith("receipts: 1 of 40 do not add up")
    assert words(files, engine, tmp_path, "(VALUES ('2025-07-01/3')) AS r(receipt_id)") == []


def test_too_few_receipts_have_nothing_in_common(engine, tmp_path):
    files = delivery(NIGHT)
    files["receipts.csv"] = (
        files["receipts.csv"].replace(b"s1,25.00\n", b"s1,30.00\n").replace(b"s1,26.50\n", b"s1,20\n")
    )
    _, *causes = words(files, engine, tmp_path)
    above, below = "shipping, tips or tax that stand on the receipt alone", "a discount or voucher that stands on"
    assert [cause.startswith("  1 of them: the total is ") for cause in causes] == [True, True]
    assert [word in cause for word, cause in zip((above, below), causes, strict=True)] == [True, True]


def day(at: date = DAY, orders: int = 10, returns: int = 1, zero: int = 0) -> Day:
    return Day(at, orders, returns, zero, Decimal(100), Decimal(10), Decimal(90))


def test_an_ordinary_day_is_not_odd():
    assert list(oddities_of_days([day(date(2025, 6, 29))], DAY)) == []
    assert list(oddities_of_days([], DAY)) == []


@pytest.mark.parametrize(
    ("days", "begin"),
    [
        ([day(returns=11)], "receipts: 11 of 21 are returns"),
        ([day(zero=6)], "receipts: 6 of 10 sales have a total_amount of 0."),
        (
            [day(date(2025, 1, 7)), day(date(2025, 7, 8))],
            "receipts: the newest up to 2025-07-01 is of 2025-01-07, 175 days",
        ),
    ],
)
def test_what_is_strange_about_the_receipts_as_a_whole_is_said(days, begin):
    (said,) = oddities_of_days(days, DAY)
    assert said.startswith(begin)

"""Receipts of a folder: by day, against their lines with the likeliest cause of a difference, and whose they are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from pipelines.catalog import query
from pipelines.contracts import sources
from pipelines.intake.batch_profile import COMPARED_RECEIPTS
from pipelines.ops.check.reading import Reading

_MOST = 0.6  # of the receipts with a gap: so many of one kind tell the cause
_TIPS = (3.0, 30.0)  # percent of the bill that guests give
_MANY, _LARGE = 20, 500  # receipts that are enough, and an amount from which on whole numbers may be cents
_ENOUGH = 3  # receipts, from which on gaps have something in common


@dataclass(frozen=True)
class Day:
    """What the receipts of a day come to, in the home's currency."""

    business_date: date
    orders: int
    returns: int
    zero_sales: int
    sales: Decimal
    returned: Decimal
    revenue: Decimal


def days_of(reading: Reading) -> list[Day]:
    """Orders, returns and revenue by day, the oldest first; days after the night too."""
    rows = reading.rows("receipts")
    if rows is None:
        return []
    reading.engine.register("tonights_receipt", f"SELECT * FROM {rows}")
    found = reading.engine.rows(f"SELECT * FROM ({query('intake/receipt_day')}) ORDER BY business_date")
    return [Day(*day) for day in found]


def oddities_of_days(days: list[Day], run_date: date) -> Iterator[str]:
    """What is strange about the receipts as a whole."""
    if not days:
        return
    orders, returns = sum(day.orders for day in days), sum(day.returns for day in days)
    if returns > orders:
        yield (
            f"receipts: {returns:,} of {orders + returns:,} are returns (by operation, or a negative total_amount). "
            "See whether sales have the right sign."
        )
    zero = sum(day.zero_sales for day in days)
    if zero > orders / 2:
        yield f"receipts: {zero:,} of {orders:,} sales have a total_amount of 0. See if another column has it."
    past = [day.business_date for day in days if day.business_date <= run_date]
    if past and (behind := (run_date - past[-1]).days) > 2:
        yield (
            f"receipts: the newest up to {run_date} is of {past[-1]}, {behind:,} days before. See whether the folder's "
            "date and the order of day and month are right, and whether the export is fresh."
        )


def gap_words(reading: Reading) -> Iterator[str]:
    """How receipts and their lines fit together, and why they may not."""
    receipts, lines, engine = reading.rows("receipts"), reading.rows("receipt_lines"), reading.engine
    if receipts is None or lines is None:
        return
    one_in = max(reading.counts("receipts").rows_loaded // COMPARED_RECEIPTS, 1)
    rejected = reading.rejected("receipt_lines")
    whole = (
        f" AND receipt_id NOT IN (SELECT receipt_id FROM {rejected} WHERE receipt_id IS NOT NULL)" if rejected else ""
    )
    engine.register(
        "compared_line",
        f"SELECT receipt_id, quantity, amount FROM {lines} WHERE HASH(receipt_id) % {one_in} = 0{whole}",
    )
    engine.register("sampled_line", "SELECT receipt_id, amount FROM compared_line")
    engine.register("tonights_receipt", f"SELECT * FROM {receipts}")
    engine.materialise("receipt_difference", query("intake/receipt_difference"))
    engine.materialise("receipt_gap", query("intake/receipt_gap"))
    ((compared,),) = engine.rows("SELECT COUNT(*) FROM receipt_difference")
    ((off, total),) = engine.rows("SELECT COUNT(*), SUM(ABS(gap)) FROM receipt_gap")
    if not off:
        return
    ((receipt, whole_amount, line_amount),) = engine.rows(
        "SELECT receipt_id, total_amount, line_amount FROM receipt_gap ORDER BY ABS(gap) DESC, receipt_id LIMIT 1"
    )
    yield (
        f"receipts: {off:,} of {compared:,} do not add up to their lines, also with discount, points and tax "
        f"considered; by {total:,.2f} in all. The largest: {receipt!r} has {whole_amount:,.2f}, its lines "
        f"{line_amount:,.2f}."
    )
    for cause, count in engine.rows("SELECT cause, COUNT(*) FROM receipt_gap GROUP BY cause ORDER BY 2 DESC, 1"):
        yield f"  {count:,} of them: {_CAUSES.get(cause) or _by_size(reading, cause)}"


_CAUSES = {
    "sign": "they fit if lines that were taken back have the other sign (a returned line has a negative amount).",
    "unit_price": "they fit if a line's amount is multiplied by its quantity: it seems to be the price of one piece.",
    "cents": "they fit if one of both is divided by 100: it seems to be in cents.",
}


def _by_size(reading: Reading, cause: str) -> str:
    """What the sizes of gaps have in common: a fixed share, a few fixed amounts, or shares as guests give tips."""
    engine = reading.engine
    gaps = f"SELECT ABS(gap) AS gap, ABS(gap_percent) AS percent FROM receipt_gap WHERE cause = '{cause}'"
    ((count, sizes, least, most),) = engine.rows(
        f"SELECT COUNT(*), COUNT(DISTINCT gap), MIN(percent), MAX(percent) FROM ({gaps})"
    )
    shares = engine.rows(
        f"SELECT percent, COUNT(*) FROM ({gaps}) WHERE percent IS NOT NULL GROUP BY ALL ORDER BY 2 DESC, 1"
    )
    amounts = engine.rows(f"SELECT gap, COUNT(*) FROM ({gaps}) GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 3")
    is_above = cause == "above"
    what = "above" if is_above else "below"
    if not is_above and least == most == 100:
        return "the total is 0, and the lines are not."
    if count >= _ENOUGH and sizes > 1 and shares and shares[0][1] >= _MOST * count:
        likely = (
            "tax on top that tax_amount does not have" if is_above else "a discount that discount_amount does not have"
        )
        return f"the total is {shares[0][0]:g} % {what} the lines each time: {likely}."
    if count >= _ENOUGH and sum(n for _, n in amounts) >= _MOST * count:
        named = ", ".join(f"{gap:,.2f} ({n:,} times)" for gap, n in amounts)
        kind = "shipping or another fixed charge without a line" if is_above else "a voucher not in discount_amount"
        return f"the total is {what} the lines by few amounts, {named}: {kind}."
    if is_above and count >= _ENOUGH and least is not None and least >= _TIPS[0] and most <= _TIPS[1]:
        return f"the total is {least:g} to {most:g} % above the lines: tips, or a service charge."
    likely = (
        "shipping, tips or tax that stand on the receipt alone, or lines are missing"
        if is_above
        else "a discount or voucher that stands on the receipt alone, or lines too many"
    )
    return f"the total is {what} the lines: {likely}."


# Columns that name a row of another source, with what may be wrong if most name none.
_REFERENCES = (
    ("receipts", "customer_id", "crm_customers", "customer_id is the same in both (leading zeros, a card's number)"),
    ("receipts", "store_id", "stores", "stores are called the same in both"),
    ("receipt_lines", "product_id", "products", "products came whole, and are called the same in both"),
    ("promo_redemptions", "promo_code", "promo_codes", "codes came whole"),
)


def unknown_references(reading: Reading) -> Iterator[str]:
    """Of what tonight's rows name in another source, how much no extract of that source knows, if it is most."""
    engine = reading.engine
    for source, column, other, advice in _REFERENCES:
        rows = reading.rows(source)
        files = [] if other in reading.unreadable else [f for f in reading.night.table(other).data_files if f.rows]
        if rows is None or not files:
            continue
        key = [known for known in sources()[other].columns if known.name == column]
        engine.register("candidate", f"SELECT DISTINCT {column} AS receipt_id FROM {rows} WHERE {column} IS NOT NULL")
        engine.register("counterpart", f"SELECT {column} AS receipt_id FROM ({engine.select_files(files, key)})")
        ((named,),) = engine.rows("SELECT COUNT(*) FROM candidate")
        ((unknown,),) = engine.rows(f"SELECT COUNT(*) FROM ({query('intake/unmatched')})")
        if unknown > named / 2:
            yield (
                f"{source}: {unknown:,} of {named:,} values of {column} are none that {other} ever had. "
                f"See whether {advice}."
            )


def whole_amounts(reading: Reading) -> Iterator[str]:
    """Whether all amounts of a first night are whole numbers: those of later nights are compared with the last."""
    rows = reading.rows("receipts")
    if rows is None or reading.night.previous is not None:
        return
    ((count, whole, typical),) = reading.engine.rows(
        "SELECT COUNT(*), COUNT_IF(total_amount = ROUND(total_amount, 0)), MEDIAN(ABS(total_amount)) "
        f"FROM {rows} WHERE total_amount <> 0"
    )
    if count >= _MANY and count == whole and typical >= _LARGE:
        yield (
            f"receipts: every total_amount is a whole number, the median is {typical:,.0f} "
            f"{reading.settings.currency}. See whether they come in cents."
        )

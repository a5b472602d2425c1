"""A shop's extracts of a few days, and slips that people make with such files; for tests of what is said of them."""

import gzip
import io
import zipfile
from collections.abc import Callable, Iterable
from datetime import date, timedelta

HISTORY, NIGHT = "2025-06-30", "2025-07-01"
CUSTOMERS = 30

Files = dict[str, bytes]


def table(header: str, rows: Iterable[Iterable[object]]) -> bytes:
    return "".join(f"{line}\n" for line in (header, *(",".join(map(str, row)) for row in rows))).encode()


def crm(joined: str = "2024-01-01") -> bytes:
    people = (
        (f"0{n:03d}", joined, f"Анна {n}", f"anna{n}@example.org", f"+491512345{n:04d}") for n in range(CUSTOMERS)
    )
    return table("customer_id,registered_at,name,email,phone", people)


def sales(*days: str) -> tuple[bytes, bytes]:
    """Receipts of days, forty a day, and their lines: a line of one piece, and one of two."""
    receipts, lines = [], []
    for day in days:
        for n in range(40):
            key, one, two = f"{day}/{n}", 5 + n * 0.37, 20 + n * 1.13
            receipts.append((key, f"0{n % CUSTOMERS:03d}", f"{day}T10:{n:02d}:00", "s1", f"{one + two:.2f}"))
            lines += [(key, 1, f"p{n % 25}", 1, f"{one:.2f}"), (key, 2, f"p{(n + 7) % 25}", 2, f"{two:.2f}")]
    return (
        table("receipt_id,customer_id,issued_at,store_id,total_amount", receipts),
        table("receipt_id,line_number,product_id,quantity,amount", lines),
    )


def delivery(*days: str) -> Files:
    """All files of a landing folder, which are right."""
    receipts, lines = sales(*days)
    return {
        "crm_customers.csv": crm() if len(days) > 1 else crm("2024-01-02"),
        "receipts.csv": receipts,
        "receipt_lines.csv": lines,
        "products.csv": table("product_id,name,category", ((f"p{n}", f"Tea {n}", "tea") for n in range(25))),
        "promo_codes.csv": b"promo_code\n",
        "promo_redemptions.csv": b"promo_code,receipt_id\n",
    }


def history() -> Files:
    """What the first night brings: six days."""
    return delivery(*(f"{date.fromisoformat(HISTORY) - timedelta(n)}" for n in range(6)))


Change = Callable[[Files], None]


def with_text(file: str, old: str, new: str) -> Change:
    """A file with another text, wherever it stands."""

    def change(files: Files) -> None:
        assert old.encode() in files[file]
        files[file] = files[file].replace(old.encode(), new.encode())

    return change


def with_bytes(file: str, function: Callable[[bytes], bytes]) -> Change:
    """A file with other bytes."""

    def change(files: Files) -> None:
        files[file] = function(files[file])

    return change


def with_lines(file: str, function: Callable[[list[str]], list[str]]) -> Change:
    """A file with other lines; the first is the header."""
    return with_bytes(file, lambda data: "".join(f"{line}\n" for line in function(data.decode().splitlines())).encode())


def with_column(file: str, name: str, function: Callable[[str], str]) -> Change:
    """A file with other values in a column."""

    def change(lines: list[str]) -> list[str]:
        place = lines[0].split(",").index(name)
        rows = [line.split(",") for line in lines[1:]]
        return [lines[0], *(",".join([*row[:place], function(row[place]), *row[place + 1 :]]) for row in rows)]

    return with_lines(file, change)


def renamed(file: str, name: str) -> Change:
    def change(files: Files) -> None:
        files[name] = files.pop(file)

    return change


def without_field(file: str, place: int) -> Change:
    """A file whose rows lack a field that the header has."""
    return with_lines(
        file,
        lambda lines: [
            lines[0],
            *(",".join(x for n, x in enumerate(line.split(",")) if n != place) for line in lines[1:]),
        ],
    )


def zipped(data: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("receipts.csv", data)
    return packed.getvalue()


def of_days(*days: str) -> Change:
    """The receipts and lines of other days."""

    def change(files: Files) -> None:
        files["receipts.csv"], files["receipt_lines.csv"] = sales(*days)

    return change


def both(*changes: Change) -> Change:
    def change(files: Files) -> None:
        for one in changes:
            one(files)

    return change


def cents(amount: str) -> str:
    return f"{float(amount) * 100:.0f}"


def _us(moment: str) -> str:
    """2025-07-01T10:00:00 as 07/01/2025 10:00."""
    day, _, time = moment.partition("T")
    year, month, number = day.split("-")
    return f"{month}/{number}/{year} {time}"


Slips = dict[str, tuple[Change, str]]
RECEIPTS, LINES, CRM, PRODUCTS = "receipts.csv", "receipt_lines.csv", "crm_customers.csv", "products.csv"
AMOUNT = "total_amount"

# Slips that a look at the files alone shows, before a row is read: with these words the night stops.
OF_FILES: Slips = {
    "decimal_commas": (
        with_bytes(RECEIPTS, lambda d: d.replace(b",", b";").replace(b".", b",")),
        "and the delimiter if all names are in one",
    ),
    "another_delimiter": (
        with_bytes(RECEIPTS, lambda d: d.replace(b",", b"\t")),
        "and the delimiter if all names are in one",
    ),
    "utf_16": (with_bytes(RECEIPTS, lambda d: d.decode().encode("utf-16")), "the header is no line of utf-8 text"),
    "empty_file": (with_bytes(RECEIPTS, lambda _: b""), "the file is empty"),
    "no_header": (with_lines(RECEIPTS, lambda lines: lines[1:]), "none that the contract knows"),
    "old_header": (with_text(RECEIPTS, "total_amount", "Total Amt"), "'total amt' may be total_amount"),
    "header_of_another_system": (with_text(RECEIPTS, "receipt_id,", "Order ID,"), "'order id' may be receipt_id"),
    "a_column_twice": (with_text(RECEIPTS, "store_id", "issued_at"), "column issued_at is there twice"),
    "receipts_missing": (lambda files: files.pop(RECEIPTS), "the required source receipts is missing"),
    "misnamed": (renamed(RECEIPTS, "receipt.csv"), "There, but not read: receipt.csv"),
    "in_a_folder_within": (renamed(RECEIPTS, "receipts/new/part.csv"), "holds no part"),
    "unfinished": (renamed(RECEIPTS, ".receipts.csv"), "There, but not read: .receipts.csv"),
    "another_format": (renamed(RECEIPTS, "receipts.xlsx"), "There, but not read: receipts.xlsx"),
    "a_workbook_called_csv": (with_bytes(RECEIPTS, zipped), "is a zip archive or a workbook"),
    "packed_and_cut": (
        both(with_bytes(RECEIPTS, lambda d: gzip.compress(d)[:-40]), renamed(RECEIPTS, "receipts.csv.gz")),
        "cut off or damaged",
    ),
    "packed_without_saying": (with_bytes(RECEIPTS, gzip.compress), "is packed by gzip, which its name does not say"),
    "another_sources_file": (with_bytes(RECEIPTS, lambda _: crm()), "the required columns receipt_id, issued_at"),
    "there_twice": (
        lambda files: files.update({"receipts.csv.gz": gzip.compress(files[RECEIPTS])}),
        "receipts is there more than once",
    ),
}

# Slips that stop the night once all is read; the words are those of what stops it, or of the rule below.
OF_ROWS: Slips = {
    "times_as_in_america": (with_column(RECEIPTS, "issued_at", _us), "40 rows: issued_at can't be read as a date and"),
    "short_years": (with_column(RECEIPTS, "issued_at", lambda _: "01.07.25"), "40 by issued_at_unreadable"),
    "times_alone": (with_column(RECEIPTS, "issued_at", lambda v: v[11:]), "40 by issued_at_unreadable"),
    "serial_dates": (with_column(CRM, "registered_at", lambda _: "45839.5"), "30 by registered_at_unreadable"),
    "decimal_commas_in_quotes": (
        with_column(RECEIPTS, AMOUNT, lambda v: '"' + v.replace(".", ",") + '"'),
        "total_amount can't be read as a number with the decimal mark '.'",
    ),
    "thousands": (with_column(LINES, "amount", lambda v: f'"1,{v:0>6}"'), "80 by amount_unreadable"),
    "currency_signs": (with_column(LINES, "amount", lambda v: f"€{v}"), "80 by amount_unreadable"),
    "wrong_encoding": (
        with_bytes(CRM, lambda d: d.decode().encode("windows-1251")),
        "30 rows: the row is no text of the encoding",
    ),
    "shifted_columns": (without_field(LINES, 1), "80 by too_few_fields"),
    "shifted_header": (
        with_text(RECEIPTS, "receipt_id,customer_id", "row,receipt_id,customer_id"),
        "40 by too_few_fields",
    ),
    "swapped_ids": (
        with_text(RECEIPTS, "receipt_id,customer_id", "customer_id,receipt_id"),
        "lines_mostly_without_receipt",
    ),
    "swapped_money_and_shop": (
        with_text(RECEIPTS, "store_id,total_amount", "total_amount,store_id"),
        "40 by total_amount_unreadable",
    ),
    "next_month": (of_days("2025-08-01"), "40 of 40 rows are dated after the night, up to 2025-08-01"),
    "cents": (
        both(with_column(RECEIPTS, AMOUNT, cents), with_column(LINES, "amount", cents)),
        "receipts: expectation amounts_in_other_units is not met: the typical amount (geometric mean) is 5,",
    ),
    "cents_on_receipts_alone": (with_column(RECEIPTS, AMOUNT, cents), "seems to be in cents"),
    "registered_in_future": (
        with_column(CRM, "registered_at", lambda _: "2031-01-01"),
        "30 of 30 rows are dated after the night, up to 2031-01-01",
    ),
    "full_load_cut": (with_lines(PRODUCTS, lambda lines: lines[:6]), "5 rows were loaded from products.csv"),
    "other_days_lines": (with_bytes(LINES, lambda _: sales("2025-05-01")[1]), "80 of 80 lines have no receipt"),
    "another_currency": (
        both(with_text(RECEIPTS, "store_id", "currency"), with_column(RECEIPTS, "currency", lambda _: "RUB")),
        "40 rows have currency 'RUB', the home is kept in",
    ),
    "control_totals": (
        lambda files: files.update({"control_totals.csv": b"source,rows,amount\nproducts,41,\n"}),
        "rows were read, control_totals.csv says 41",
    ),
    "ids_of_a_spreadsheet": (
        with_column(RECEIPTS, "receipt_id", lambda _: "1.23457E+15"),
        "receipt_id lost digits in a spreadsheet",
    ),
}

# Slips that make receipts differ from their lines: each is named by its likeliest cause.
GAPS: Slips = {
    "unit_prices": (
        with_column(LINES, "amount", lambda v: v if float(v) < 20 else f"{float(v) / 2:.3f}"),
        "seems to be the price of one piece",
    ),
    "shipping": (with_column(RECEIPTS, AMOUNT, lambda v: f"{float(v) + 4.99:.2f}"), "4.99 (40 times): shipping"),
    "tax_on_top": (
        with_column(RECEIPTS, AMOUNT, lambda v: f"{float(v) * 1.2:.2f}"),
        "20 % above the lines each time: tax",
    ),
    "tips": (
        with_column(RECEIPTS, AMOUNT, lambda v: f"{float(v) * (1.05 + float(v) % 7 / 100):.2f}"),
        "above the lines: tips",
    ),
    "discount": (with_column(RECEIPTS, AMOUNT, lambda v: f"{float(v) * 0.9:.2f}"), "10 % below the lines each time"),
    "signs_of_returned_lines": (
        both(
            with_column(RECEIPTS, AMOUNT, lambda v: v),
            with_lines(
                LINES,
                lambda lines: [
                    lines[0],
                    *(
                        f"{line.rpartition(',')[0]},-{line.rpartition(',')[2]}" if ",1,p" in line else line
                        for line in lines[1:]
                    ),
                ],
            ),
        ),
        "have the other sign",
    ),
}

# Other slips that do not stop the night, or not always, and are named.
NAMED: Slips = {
    "cut_within_a_line": (with_bytes(RECEIPTS, lambda d: d[:-10]), "too_few_fields"),
    "half_the_rows": (
        both(
            with_lines(RECEIPTS, lambda lines: lines[:16]),
            with_lines(LINES, lambda lines: lines[:31]),
        ),
        "receipts: 15 rows, 38% of what came last (240 on 2025-06-30, of 6 days: 40 a day)",
    ),
    "header_alone": (
        both(*(with_lines(file, lambda lines: lines[:1]) for file in (RECEIPTS, LINES))),
        "came without a row",
    ),
    "a_comma_within_a_name": (with_text(CRM, "Анна 7", "Анна, 7"), "too_many_fields"),
    "rows_twice": (with_lines(RECEIPTS, lambda lines: [*lines, *lines[1:]]), "40 rows have the receipt_id"),
    "line_numbers_of_one": (with_column(LINES, "line_number", lambda _: "1"), "have the receipt_id and line_number"),
    "the_last_night_again": (lambda files: files.update(history()), "in files that came on 2025-06-30 too"),
    "yesterday": (of_days("2025-06-27"), "the newest up to 2025-07-01 is of 2025-06-27, 4 days before"),
    "day_and_month_swapped": (of_days("2025-01-07"), "the newest up to 2025-07-01 is of 2025-01-07"),
    "long_ago": (with_column(RECEIPTS, "issued_at", lambda _: "1970-01-01"), "dated before 1990"),
    "total_row": (with_lines(RECEIPTS, lambda lines: [*lines, "TOTAL,,,,2170.00"]), "issued_at_missing"),
    "header_again": (with_lines(RECEIPTS, lambda lines: [*lines[:20], *lines[:1], *lines[20:]]), "repeated_header"),
    "sales_below_zero": (with_column(RECEIPTS, AMOUNT, lambda v: f"-{v}"), "40 of 40 are returns"),
    "no_money": (with_column(RECEIPTS, AMOUNT, lambda _: "0.00"), "40 of 40 sales have a total_amount of 0"),
    "leading_zeros_lost": (
        with_column(RECEIPTS, "customer_id", lambda v: v.lstrip("0")),
        "29 of 29 values of customer_id are none that crm_customers ever had",
    ),
    "lines_missing": (with_lines(LINES, lambda lines: lines[:1]), "40 of 40 receipts have no line"),
    "receipts_of_some_lines_missing": (with_lines(RECEIPTS, lambda lines: lines[:37]), "8 of 80 lines have no receipt"),
    "a_new_column": (with_text(CRM, "phone", "phone_no"), "phone_no (may be meant as phone)"),
    "unknown_words": (
        both(with_text(CRM, "name", "gender"), with_column(CRM, "gender", lambda _: "Frau")),
        "values of gender are none of f, m",
    ),
    "swapped_addresses": (
        with_text(CRM, "email,phone", "phone,email"),
        "30 of 30 values of phone are no usable address",
    ),
    "customers_lost": (with_column(RECEIPTS, "customer_id", lambda _: ""), "no row has a value of customer_id; 100%"),
    "one_customer": (
        with_column(RECEIPTS, "customer_id", lambda _: "0007"),
        "40 values of customer_id are one and the",
    ),
    "pieces_in_thousands": (with_column(LINES, "quantity", lambda v: f"{v}000"), "it was 1.414 on 2025-06-30"),
    "pieces_below_zero": (with_column(LINES, "quantity", lambda v: f"-{v}"), "80 of 80 values of quantity are below 0"),
    "numbers_anew_each_day": (
        both(*(with_text(file, f"{NIGHT}/", f"{HISTORY}/") for file in (RECEIPTS, LINES))),
        "40 of 40 receipts have the receipt_id of a receipt of another day",
    ),
    "none_is_new": (of_days(HISTORY), "all 40 came before; none is new"),
    "days_of_another_zone": (
        with_column(RECEIPTS, "issued_at", lambda v: f"{v[:10]}T00:00:00-03:00"),
        "all 40 are at 03:00:00 in UTC",
    ),
    "zeros_lost_in_customers": (
        with_column(CRM, "customer_id", lambda v: v.lstrip("0") or "0"),
        "30 of 30 values of email that came before have another customer_id",
    ),
    "names_of_others": (with_column(CRM, "name", lambda v: f"{v}0"), "name is another one for 30 of 30 rows"),
    "one_address": (
        with_column(CRM, "phone", lambda _: "+4915123456789"),
        "all 30 values of phone are one and the same",
    ),
    "shops_renamed": (with_column(RECEIPTS, "store_id", lambda v: f"shop {v}"), "no value of store_id came before"),
    "a_file_of_nobody": (lambda files: files.update({"weather.csv": b"day\n"}), "not read: weather.csv"),
}

# What may be written in other ways, and is read all the same: some of it in each folder.
HARMLESS: dict[str, Change] = {
    "as_ever": lambda _: None,
    "phones_with_marks, words_for_nothing, byte_order_mark, names_in_capitals": both(
        with_column(CRM, "phone", lambda v: f"+49 (1512) {v[7:10]}-{v[10:]}"),
        with_lines(RECEIPTS, lambda lines: [line.replace(",s1,", ",NULL,") for line in lines[:9]] + lines[9:]),
        with_bytes(RECEIPTS, lambda d: b"\xef\xbb\xbf" + d[:60].upper() + d[60:]),
        renamed(RECEIPTS, "Receipts.CSV"),
    ),
    "another_order_of_columns, two_columns_without_a_name, windows_line_ends, packed": both(
        with_lines(RECEIPTS, lambda lines: [",".join(reversed(line.split(","))) + ",," for line in lines]),
        with_bytes(RECEIPTS, lambda d: gzip.compress(d.replace(b"\n", b"\r\n"))),
        renamed(RECEIPTS, "receipts.csv.gz"),
        with_lines(LINES, lambda lines: [",".join(f'"{field}"' for field in line.split(",")) for line in lines]),
    ),
}

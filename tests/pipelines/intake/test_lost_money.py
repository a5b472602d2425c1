"""The money in rejected rows: what stops a night, at once, and what is lost over several nights."""

from datetime import date
from decimal import Decimal

import duckdb
import pytest
from batches import NIGHTS, load, receipts
from hypothesis import given
from hypothesis import strategies as st
from nights import steps

from pipelines.catalog import query
from pipelines.contracts import sources
from pipelines.errors import BadDataError
from pipelines.publishing.run_summary import print_rejected
from pipelines.store.lake import Lake

LINES = "receipt_id,line_number,quantity,amount\n"
CENTS = st.decimals(-1000, 1000, places=2)


def test_a_twentieth_of_the_money_may_be_lost_and_a_cent_more_stops_the_night(retailer):
    good = receipts(NIGHTS[0], 19)
    retailer.deliver(NIGHTS[0], receipts=f"{good}bad,never,-5\n")
    load(retailer, NIGHTS[0])
    retailer.deliver(NIGHTS[0], receipts=f"{good}bad,never,-5.01\n")
    with pytest.raises(BadDataError) as stopped:
        load(retailer, NIGHTS[0])
    said = str(stopped.value)
    assert said.startswith(
        "receipts: expectation money_lost is not met: 5.01 of 100.01 of total_amount is in 1 rejected rows: 1 by "
        "issued_at_unreadable (column issued_at, for example receipts.csv, row 20). Expected: At most 5 % of the money"
    )
    assert said.endswith(f"loyalty run --date {NIGHTS[0]} --accept receipts.money_lost")
    night = load(retailer, NIGHTS[0], accept=["receipts.money_lost"])
    assert night.lake.manifest(night.run_date).accepted == ("receipts.money_lost",)


def test_a_header_in_between_and_a_row_of_totals_are_no_money_but_lines_are(retailer):
    header = "receipt_id,issued_at,total_amount\n"
    ids = [f"{NIGHTS[0]}-{n}" for n in range(30)]
    rows = f"{receipts(NIGHTS[0], 30)}{header}TOTAL,,150\n"
    lines = [f"{name},1,1,5\n" for name in ids]
    retailer.deliver(NIGHTS[0], receipts=rows, receipt_lines=LINES + "".join(lines))
    load(retailer, NIGHTS[0])
    retailer.deliver(NIGHTS[0], receipts=rows, receipt_lines=LINES + "".join(lines[2:]) + f"{ids[0]},one,1,?\n" * 2)
    words = "receipt_lines: expectation money_lost is not met: 10.00 of 150.00 of amount is in 2 rejected rows"
    with pytest.raises(BadDataError, match=words):
        load(retailer, NIGHTS[0])


def test_nothing_is_built_before_a_limit_stops_the_night_and_its_rejected_rows_are_shown(retailer, capsys):
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 30) + f"a,{NIGHTS[0]}T12:00:00,?\n" * 2)
    done = []

    def run() -> None:
        for name, step in steps(date.fromisoformat(NIGHTS[0]), "run"):
            step()
            done.append(name)

    with pytest.raises(BadDataError, match="receipts: expectation money_lost is not met"):
        run()
    assert set(done) == {"open_night", *sources()}
    assert not (retailer.home / "warehouse.duckdb").exists()
    print_rejected(retailer.settings, date.fromisoformat(NIGHTS[0]), "receipts", 1)
    assert capsys.readouterr().out.splitlines() == [
        f"Night {NIGHTS[0]} was stopped at batch_expectation; these rows were rejected until then.",
        f'receipts  receipts.csv  row 31  total_amount_unreadable  ["a", "{NIGHTS[0]}T12:00:00", "?"]',
        "1 more of 2; --limit shows them.",
    ]


def test_a_row_that_is_rejected_again_is_there_once_and_a_full_load_takes_the_last_extracts_place(retailer):
    names = "landing_date, source, row_number, rule, event_date, receipt_id, line_number, lost_amount, is_estimated"
    header = "receipt_id,issued_at,total_amount\n"

    def rejected(night: str, **files: str) -> list[tuple[object, ...]]:
        retailer.deliver(night, **files)
        only = frozenset({*sources(), "rejection"})
        loaded = retailer.load(night, upto=("staging", "facts"), only=only)
        return [(f"{day}", *row) for day, *row in retailer.rows(loaded, "rejection", names)]

    first, second, third = NIGHTS[:3]
    day = date.fromisoformat(first)
    stores = (first, "stores", 1, "too_few_fields", None, None, None, None, False)
    keyless = (first, "receipts", 3, "receipt_id_missing", day, None, None, Decimal("7.00"), False)
    found = rejected(
        first,
        receipts=f"{header}a,{first},?\nb,{first},10\n,{first},7\n",
        receipt_lines=f"{LINES}a,1,1,?\na,x,1,2\nb,1,1,4\n",
        stores="store_id,name\ns\n",
    )
    assert found == [
        (first, "receipt_lines", 1, "amount_unreadable", None, "a", 1, Decimal("3.00"), True),
        (first, "receipt_lines", 2, "line_number_unreadable", None, "a", None, Decimal("2.00"), False),
        (first, "receipts", 1, "total_amount_unreadable", day, "a", None, Decimal("8.50"), True),
        keyless,
        stores,
    ]
    again = rejected(second, receipts=f"{header}a,never,12\n")
    assert again == [
        *found[:2],
        keyless,
        stores,
        (second, "receipts", 1, "issued_at_unreadable", None, "a", None, Decimal("12.00"), False),
    ]
    assert stores not in rejected(third, stores="store_id,name\ns,North\n")
    assert Lake(retailer.home).nights() == [date.fromisoformat(night) for night in (first, second, third)]


@given(st.lists(CENTS, max_size=12), st.lists(st.none() | CENTS, max_size=12))
def test_every_rejected_row_has_its_amount_or_the_mean_and_only_a_sum_of_all_others_has_none(loaded, rejected):
    con = duckdb.connect()
    con.execute("CREATE TABLE loaded_row (amount DECIMAL(18, 2))")
    con.execute(
        "CREATE TABLE rejected_row (source VARCHAR, file VARCHAR, row_number BIGINT, rule VARCHAR, event_date DATE, "
        "amount DECIMAL(38, 2), receipt_id VARCHAR, line_number BIGINT)"
    )
    if loaded:
        con.executemany("INSERT INTO loaded_row VALUES (?)", [[amount] for amount in loaded])
    if rejected:
        rows = [[n, amount] for n, amount in enumerate(rejected)]
        con.executemany("INSERT INTO rejected_row (row_number, rule, amount) VALUES (?, 'rule', ?)", rows)
    found = con.execute(
        f"SELECT lost_amount, is_estimated FROM ({query('intake/lost_row')}\n) ORDER BY row_number"
    ).fetchall()
    known = [amount for amount in rejected if amount is not None]
    everything = sum(loaded) + sum(known)
    is_sum = [
        len(loaded) >= 10
        and amount is not None
        and min(abs(amount - sum(loaded)), abs(2 * amount - everything)) <= Decimal("0.01")
        for amount in rejected
    ]
    money = [*loaded, *(a for a, out in zip(rejected, is_sum, strict=True) if a is not None and not out)]
    mean = sum(map(abs, money)) / len(money) if money else None
    for amount, out, (lost, is_estimated) in zip(rejected, is_sum, found, strict=True):
        assert is_estimated == (amount is None)
        if out or (amount is None and mean is None):
            assert lost is None
        elif amount is None:
            assert abs(lost - mean) <= Decimal("0.0051")
        else:
            assert lost == abs(amount)

"""Receipt numbers that are used twice: what takes the place of a receipt of another day."""

from datetime import date

import pytest
from nights import make_steps

from pipelines.contracts import sources
from pipelines.errors import BadDataError
from pipelines.ops import nightly

FIRST, SECOND = "2017-12-01", "2017-12-02"


def receipts(day: str, numbers: range, amount: int = 5) -> str:
    rows = "".join(f"r{n},{day}T12:00:00,{amount}\n" for n in numbers)
    return f"receipt_id,issued_at,total_amount\n{rows}"


def read(retailer, night: str, text: str, accept: tuple[str, ...] = ()) -> None:
    retailer.deliver(night, receipts=text)
    nightly.open_night(date.fromisoformat(night), "run", accept)
    make_steps((*sources(), "batch_expectation"), date.fromisoformat(night), "run")


@pytest.fixture
def one_night(retailer):
    """A home after a night of 30 receipts."""
    retailer.deliver(FIRST, receipts=receipts(FIRST, range(30)))
    retailer.load(FIRST, only=frozenset({*sources(), "batch_expectation"}))
    return retailer


def test_numbers_that_begin_anew_each_day_stop_the_night_unless_somebody_accepts_it(one_night):
    anew = receipts(SECOND, range(30))
    words = "30 of 30 receipts have the receipt_id of a receipt of another day, and take its place, for example r0 in "
    with pytest.raises(BadDataError, match=words + r"receipts\.csv"):
        read(one_night, SECOND, anew)
    read(one_night, SECOND, anew, ("receipts.receipts_of_other_days",))


@pytest.mark.parametrize(
    "text",
    [
        receipts(FIRST, range(30), amount=7),  # corrected, each on its day
        receipts(SECOND, range(28, 58)),  # 2 of 30
        receipts(SECOND, range(30, 60)),  # new ones
        receipts(SECOND, range(19)),  # fewer than 20
    ],
    ids=["corrections", "a_few", "new", "small"],
)
def test_corrections_a_few_and_new_receipts_do_not(one_night, text):
    read(one_night, SECOND, text)

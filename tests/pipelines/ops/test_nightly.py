"""The task of a layer: what it makes, what it says, and where an attempt after a failure begins."""

from datetime import date

import pytest

from pipelines.catalog import tables_by_task
from pipelines.errors import BadDataError
from pipelines.ops import nightly
from pipelines.store.lake import Lake

NIGHT = date(2017, 12, 1)
RECEIPTS = "receipt_id,issued_at,total_amount\nr1,2017-12-01T12:00:00,5\n"


@pytest.fixture
def made(monkeypatch):
    """The tables that were made, in order."""
    names: list[str] = []
    monkeypatch.setattr(nightly, "listeners", [lambda name, *_: names.append(name)])
    return names


def test_all_extracts_that_cannot_be_read_are_named_at_once_and_the_next_attempt_reads_only_them(retailer, made):
    retailer.deliver("2017-12-01", receipts=RECEIPTS, stores="shop\n1\n", products="sku\n1\n")
    nightly.open_night(NIGHT, "run")
    with pytest.raises(BadDataError, match=r"(?s)products\.csv.*\n.*stores\.csv") as wrong:
        nightly.make_layer("staging", NIGHT, "run")
    assert "receipts.csv" not in str(wrong.value)
    rest = set(tables_by_task()["staging"]) - {"stores", "products"}
    assert set(made) == rest | {"open_night"}
    assert {step.step for step in Lake(retailer.home).stopped.steps()} == {"stores", "products"}

    retailer.deliver("2017-12-01", receipts=RECEIPTS, stores="store_id\n1\n", products="sku\n1\n")
    made.clear()
    with pytest.raises(BadDataError, match=r"^\S*products\.csv"):
        nightly.make_layer("staging", NIGHT, "run")
    assert made == ["stores"]


def test_a_layer_ends_at_the_first_table_that_fails_and_begins_there_again(retailer, made, monkeypatch):
    retailer.deliver("2017-12-01", receipts=RECEIPTS)
    nightly.open_night(NIGHT, "run")
    nightly.make_layer("staging", NIGHT, "run")
    facts = list(tables_by_task()["facts"])
    third, make = facts[2], nightly.make_table

    def unlucky(name, *given):
        if name == third:
            raise OSError("the network went")
        return make(name, *given)

    made.clear()
    monkeypatch.setattr(nightly, "make_table", unlucky)
    with pytest.raises(OSError, match="the network went"):
        nightly.make_layer("facts", NIGHT, "run")
    assert made == facts[:2]
    monkeypatch.setattr(nightly, "make_table", make)
    nightly.make_layer("facts", NIGHT, "run")
    assert made == facts


def test_every_step_is_known_by_name_before_the_night_begins(retailer, made):
    retailer.deliver("2017-12-01", receipts=RECEIPTS)
    nightly.open_night(NIGHT, "run")
    nightly.make_layer("staging", NIGHT, "run")
    assert made == nightly.step_names()[: len(made)]

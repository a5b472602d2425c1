"""What is odd about a column's values beside those of an earlier night."""

from dataclasses import replace
from datetime import date

import pytest

from pipelines.contracts import Column
from pipelines.ops.check.earlier import _difference, _Values

NIGHT = date(2025, 6, 30)
USUAL = _Values(rows=100, filled=90, distinct=40, below=0, typical=1.5, middle=20000.0, after=0, true=45)


@pytest.mark.parametrize(
    ("column", "change", "words"),
    [
        (Column("region", "VARCHAR", ""), {"filled": 0}, "no row has a value of region; 90% had one on 2025-06-30"),
        (Column("store_id", "VARCHAR", "", identifier=True), {"distinct": 1}, "all 90 values of store_id are one and"),
        (Column("quantity", "DECIMAL(18,3)", ""), {"typical": 1500.0}, "quantity is 1,500 at its typical value"),
        (Column("quantity", "DECIMAL(18,3)", ""), {"below": 60}, "60 of 90 values of quantity are below 0"),
        (Column("birth_date", "DATE", ""), {"middle": 10000.0}, "birth_date is 1997 in its middle; it was 2024"),
        (Column("registered_at", "DATE", ""), {"after": 60}, "60 of 90 values of registered_at are after the night"),
        (Column("email_consent", "BOOLEAN", ""), {"true": 90}, "email_consent is true for 100%; it was for 50%"),
    ],
    ids=lambda value: value.name if isinstance(value, Column) else "",
)
def test_values_that_all_changed_are_spoken_of(column, change, words):
    assert words in str(_difference(column, replace(USUAL, **change), USUAL, NIGHT))


@pytest.mark.parametrize(
    ("column", "new", "old"),
    [
        (Column("region", "VARCHAR", ""), USUAL, USUAL),
        (Column("region", "VARCHAR", ""), replace(USUAL, rows=19, filled=0), USUAL),
        (Column("region", "VARCHAR", ""), replace(USUAL, filled=0), replace(USUAL, filled=10)),
        (Column("campaign_id", "VARCHAR", "", identifier=True), replace(USUAL, distinct=1), USUAL),
        (Column("assigned_at", "TIMESTAMP WITH TIME ZONE", ""), replace(USUAL, distinct=1), USUAL),
        (Column("email_consent", "BOOLEAN", ""), replace(USUAL, distinct=1, true=60), USUAL),
        (Column("quantity", "DECIMAL(18,3)", ""), replace(USUAL, typical=9.0, below=40), USUAL),
        (Column("points", "BIGINT", ""), replace(USUAL, below=60), replace(USUAL, below=30)),
        (Column("valid_to", "DATE", ""), replace(USUAL, after=90), replace(USUAL, after=80)),
    ],
    ids=["same", "few", "seldom", "one_campaign", "one_day", "some_more", "not_much", "both_signs", "future"],
)
def test_values_that_differ_as_nights_do_are_not_spoken_of(column, new, old):
    assert _difference(column, new, old, NIGHT) is None

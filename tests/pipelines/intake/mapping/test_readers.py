"""What the macros of a mapping's SELECTs give."""

from decimal import Decimal

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts import Column
from pipelines.intake.mapping.readers import rounder_of, rounding_macro

PLACES = 12
SHARES = st.integers(-(10**19), 10**19) | st.integers(-400, 400).map(lambda halves: halves * 5 * 10 ** (PLACES - 3))


@given(st.lists(SHARES, min_size=1, max_size=50))
def test_a_decimal_is_rounded_as_a_cast_rounds_it_halves_too(values):
    column = Column("amount", "DECIMAL(18,2)", "")
    with duckdb.connect() as connection:
        connection.execute(rounding_macro(column))
        rows = ", ".join(f"({Decimal(value).scaleb(-PLACES):f})" for value in values)
        differ = connection.execute(
            f"SELECT x, {rounder_of(column)}(x), CAST(x AS DECIMAL(18,2)) "
            f"FROM (SELECT CAST(col0 AS DECIMAL(38,{PLACES})) AS x FROM (VALUES {rows})) "
            f"WHERE {rounder_of(column)}(x) IS DISTINCT FROM CAST(x AS DECIMAL(18,2))"
        ).fetchall()
    assert differ == []


def test_a_decimal_too_large_for_the_column_is_no_value():
    column = Column("amount", "DECIMAL(18,2)", "")
    with duckdb.connect() as connection:
        connection.execute(rounding_macro(column))
        large = "CAST('1e20' AS DECIMAL(38,12))"
        assert connection.execute(f"SELECT {rounder_of(column)}({large})").fetchone() == (None,)

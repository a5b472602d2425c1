"""Names, text constants and paths in SQL: quoted, or refused; small tables written out."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.engines.sql import constants, identifier, literal, one_file, qualified, quoted


@pytest.mark.parametrize("name", ["customer_id", "a1", "_hidden", "select"])
def test_a_plain_name_is_quoted(name):
    assert identifier(name) == f'"{name}"'


@pytest.mark.parametrize("name", ["", "1a", "Customer", "a b", 'a"b', "a;b", "a.b", "a\n", "é", "a-b"])
def test_any_other_name_is_refused(name):
    with pytest.raises(ValueError, match="is not a plain SQL name"):
        identifier(name)


def test_a_name_may_have_a_schema_of_which_both_are_quoted():
    assert qualified("history.customer_rfm") == '"history"."customer_rfm"'
    assert qualified("customer_rfm") == '"customer_rfm"'
    with pytest.raises(ValueError, match="is not a plain SQL name"):
        qualified("history.x; DROP TABLE y")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_text_is_itself_as_the_name_of_a_column(text):
    assert duckdb.sql(f"SELECT 1 AS {quoted(text)}").columns == [text]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_any_text_is_itself_as_a_constant(text):
    assert duckdb.sql(f"SELECT {literal(text)}").fetchall() == [(text,)]


@pytest.mark.parametrize("name", ["a*.csv", "a?.csv", "a[b].csv", "a[1-9]*?.csv", "plain.csv", "it's.csv"])
def test_a_path_with_wildcards_is_that_file_alone(tmp_path, name):
    for content, file in enumerate(("ab.csv", "a1.csv", "a1xx.csv", name)):
        (tmp_path / file).write_text(f"n\n{content}\n")
    assert duckdb.sql(f"FROM read_csv({literal(one_file(tmp_path / name))})").fetchall() == [(3,)]


ROW = pa.schema(
    {
        "flag": pa.bool_(),
        "small": pa.int32(),
        "large": pa.int64(),
        "share": pa.float64(),
        "name": pa.string(),
        "day": pa.date32(),
        "money": pa.decimal128(18, 4),
    }
)
VALUES = st.fixed_dictionaries(
    {
        "flag": st.none() | st.booleans(),
        "small": st.none() | st.integers(-(2**31), 2**31 - 1),
        "large": st.none() | st.integers(-(2**63), 2**63 - 1),
        "share": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "name": st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        "day": st.none() | st.dates(),
        "money": st.none() | st.decimals(-(10**14) + 1, 10**14 - 1, places=4),
    }
)


@given(st.lists(VALUES, max_size=4))
def test_a_small_table_written_out_is_that_table(rows):
    table = pa.Table.from_pylist(rows, ROW)
    assert duckdb.sql(constants(table)).to_arrow_table().equals(table)

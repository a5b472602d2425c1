"""Names, text constants and paths in SQL: quoted, or refused."""

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.engines.sql import identifier, literal, one_file, qualified, quoted


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

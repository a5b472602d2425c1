"""What an expression of a mapping may be, and that whatever else somebody writes is refused."""

import re
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pipelines.dialect import Dialect
from pipelines.intake.mapping.expressions import ExpressionError, parse
from pipelines.intake.mapping.feed_dialect import FeedDialect
from pipelines.intake.mapping.functions import FUNCTIONS, READERS
from pipelines.intake.mapping.readers import reader_macros

RUSSIAN = FeedDialect(decimal_mark=",", grouping_marks=" \u00a0", date_format="DD.MM.YYYY", time_zone="Europe/Moscow")

HOSTILE = [
    *("read_csv('/etc/passwd')", "read_text('/etc/passwd')", "read_blob('x')", "glob('/*')", "parquet_scan('x')"),
    *("getenv('HOME')", "current_setting('temp_directory')", "getvariable('x')", "version()", "current_user()"),
    *("now()", "today()", "current_date", "CURRENT_TIMESTAMP", "get_current_timestamp()", "transaction_timestamp()"),
    *("random()", "uuid()", "gen_random_uuid()", "setseed(0.5)", "nextval('s')", "txid_current()"),
    *("(SELECT 1)", "a IN (SELECT b FROM c)", "EXISTS (SELECT 1)", "ARRAY(SELECT 1)", "(FROM read_csv('x'))"),
    *("*", "COLUMNS(*)", "COLUMNS('a.*')", "t.*", "[x for x in [1, 2]]", "list_transform([1], x -> x)"),
    *("list_transform([1], lambda x: x)", "x -> x", "{'a': 1}", "[1, 2]", "a[1]", "(a, b)", "MAP {'a': 1}"),
    *("sum(a) OVER ()", "row_number() OVER ()", "count(*)", "max(a)", "string_agg(a, ',')"),
    *("$1", "?", "$name", "a COLLATE NOCASE", "a::INTERVAL", "a::TIMESTAMP", "CAST(a AS INTEGER[])", "a::my_type"),
    *("a; DROP TABLE b", "a; ATTACH 'x'", "1; PRAGMA database_list", "1) FROM b --", "x) FROM y --", "x)) /*"),
    *("a FROM b", "a WHERE 1", "a GROUP BY 1", "a LIMIT 1", "a ORDER BY 1", "a UNION SELECT 2"),
    *("a INTO b", "DISTINCT a"),
    *("a AS b", "a, b", "a QUALIFY 1", "a USING SAMPLE 1", "a HAVING TRUE", "a FROM (VALUES (1))", "a -- ", "/* a */"),
    *("system.main.lower(a)", "pg_catalog.lower(a)", "a.b", "a.lower()", "lower(DISTINCT a)"),
    *("lower(a ORDER BY b)", "sum(a) FILTER (WHERE b)", "repeat(a, 1000000000)", "lpad(a, 1000000000, 'x')"),
    *("replace(a, 'x', 'xxxxxxxx')", "replace(a, '', 'x')", "regexp_matches(a, b)", "regexp_matches(a, '(')"),
    *("error('x')", "sleep(1)", "write_log('x')", "query('SELECT 1')", "query_table('x')", "sql_auto_complete('x')"),
    *("PRAGMA version", "ATTACH 'x'", "INSTALL httpfs", "LOAD 'x'", "COPY a TO 'x'", "SET x = 1", "CALL x()"),
    *("TRY(a)", "INTERVAL 1 DAY", "a SIMILAR TO b", "a AT TIME ZONE 'UTC'", "#1", "POSITIONAL", "DEFAULT"),
    *("getenv\n('HOME')", "\"getenv\"('HOME')", "GetEnv('HOME')", "lower(getenv('HOME'))"),
    "CASE WHEN now() THEN 1 END",
    *("number(number(a))", "date_trunc(a, date(b))", "a IN (b)", "'a' 'b'", "'", '"', "(", "", " ", "\0", "a" * 3000),
    *("(" * 500 + "a" + ")" * 500, "-" * 800 + "a", "NOT " * 400 + "a", "a" + " || a" * 400, "\ud800"),
]  # fmt: skip
ALLOWED_AFTER_ALL = {"a -- ", "/* a */", "CURRENT_TIMESTAMP", "DEFAULT", "POSITIONAL", "(" * 500 + "a" + ")" * 500}


def worked_out(text: str, row: dict[str, str | None], dialect: Dialect = Dialect()) -> tuple[Any, bool]:  # noqa: B008
    """The value of an expression for one row, and whether something in it can't be read."""
    expression = parse(text)
    cells = dict(zip(expression.columns, (row[header] for header in expression.headers), strict=True))
    positions = {name: f"c{n}" for n, name in enumerate(cells, start=1)}
    sql = expression.sql(positions)
    columns = ", ".join(f"CAST(${n} AS VARCHAR) AS c{n}" for n in range(1, len(cells) + 1)) or "1"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for macro in reader_macros(dialect):
            connection.execute(macro)
        query = f"SELECT {sql.value}, {sql.fails} FROM (SELECT {columns})"
        found = connection.execute(query, list(cells.values())).fetchone()
    assert found is not None
    return found[0], found[1]


@pytest.mark.parametrize("text", [text for text in HOSTILE if text not in ALLOWED_AFTER_ALL])
def test_what_reads_files_settings_the_clock_or_other_rows_is_refused(text: str) -> None:
    with pytest.raises(ExpressionError):
        parse(text)


def test_a_comment_is_no_part_of_what_is_run() -> None:
    assert parse("a -- x").columns == ("a",)
    assert parse("a /* ) FROM y */").columns == ("a",)


@pytest.mark.parametrize(
    ("text", "row", "value"),
    [
        ('number("Total") * number(qty)', {"Total": "1 724,96", "qty": "2"}, Decimal("3449.92")),
        ("time(\"Created at\")", {"Created at": "31.12.2023 23:30"}, "2023-12-31 20:30:00+00:00"),
        ("date(d)", {"d": "05.06.2023"}, "2023-06-05"),
        ("CASE WHEN s = 'refunded' THEN 'return' ELSE 'sale' END", {"s": "refunded"}, "return"),
        ("CASE s WHEN 'a' THEN 'b' END", {"s": "x"}, None),
        ("s IN ('a', 'b') AND NOT s LIKE 'b%'", {"s": "a"}, True),
        ("s BETWEEN 'a' AND 'c' OR s IS NULL", {"s": None}, True),
        ("coalesce(nullif(s, ''), 'none')", {"s": ""}, "none"),
        ("CAST(number(n) AS DECIMAL(18,2))", {"n": "-3,5"}, Decimal("-3.50")),
        ("split_part(codes, ', ', 1) || '/' || upper(s)", {"codes": "A, B", "s": "x"}, "A/X"),
        ("date(d) >= DATE '2023-01-01'", {"d": "05.06.2022"}, False),
        ("regexp_extract(s, '([0-9]+)', 1)", {"s": "#1001"}, "1001"),
    ],
)  # fmt: skip
def test_an_expression_is_worked_out_by_the_dialect_of_its_feed(text: str, row: dict[str, str], value: Any) -> None:
    found, fails = worked_out(text, row, RUSSIAN)
    assert (f"{found}" if hasattr(found, "year") else found) == value
    assert not fails


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("number(n)", {"n": "12.5x"}),
        ("date(d)", {"d": "31.02.2023"}),
        ("date(d)", {"d": "2/3/2023"}),
        ("time(d)", {"d": "soon"}),
        ("CAST(n AS INTEGER)", {"n": "x"}),
        ("n = 1", {"n": "x"}),
        ("number(n) % 0", {"n": "1"}),
        ("number(n) * number(n) * number(n) * 1000000", {"n": "999999999999"}),
        ("CASE WHEN n = 'x' THEN number(n) ELSE 0 END", {"n": "x"}),
        ("coalesce(number(n), 0)", {"n": "x"}),
        ("number(n) > 5 AND TRUE", {"n": "x"}),
    ],
)
def test_what_cannot_be_read_is_said_and_never_a_quiet_null(text: str, row: dict[str, str]) -> None:
    assert worked_out(text, row, RUSSIAN)[1]


def test_a_branch_that_is_not_taken_is_not_read() -> None:
    assert worked_out("CASE WHEN n = 'x' THEN 0 ELSE number(n) END", {"n": "x"}) == (Decimal(0), False)


@pytest.mark.parametrize(
    "text", [f"{name}(a)" for name in READERS] + ["coalesce(a, b)", "a = b", "lower(a)", "a || b", "NOT a"]
)
def test_a_blank_is_no_value_and_nothing_that_cannot_be_read(text: str) -> None:
    assert worked_out(text, {"a": None, "b": None}) == (None, False)


def test_an_order_of_dates_alone_is_read_with_any_separator() -> None:
    dialect = FeedDialect(date_order="day_first")
    for text in ("05.06.2023", "05/06/2023", "5-6-2023", "2023-06-05"):
        assert f"{worked_out('date(d)', {'d': text}, dialect)[0]}" == "2023-06-05"


def test_the_message_names_the_nearest_function_and_the_header() -> None:
    with pytest.raises(ExpressionError, match="Did you mean lower"):
        parse("lowr(a)")
    with pytest.raises(ExpressionError, match=r"number\(\)"):
        parse('"Total amount" + 1')


# Pieces of which SQL is made, honest and hostile.
PIECES = st.sampled_from(
    [
        *(*FUNCTIONS, *READERS, "a", '"B c"', "'x'", "1", "1.5", "(", ")", ",", "+", "-", "*", "/", "||", "=", "<"),
        *("AND", "OR", "NOT", "IS NULL", "IN", "BETWEEN", "CASE", "WHEN", "THEN", "ELSE", "END", "CAST(", " AS DATE)"),
        *("LIKE", "SELECT", "FROM", "now()", "random()", ";", "--", "/*", "*/", "$1", "[", "]", "x -> x", "OVER ()"),
        *("COLUMNS(*)", "DATE '2020-01-01'", "coalesce(", "nullif(", "NULL", "TRUE", "::INT", "read_csv('x')", "."),
        *("getenv('x')", "\n"),
    ]
)
OPERATORS = st.sampled_from("+ - * / % // || = < <> AND OR LIKE".split())  # noqa: SIM905
CASTS = st.sampled_from(["DATE", "INTEGER", "DECIMAL(18,2)", "VARCHAR", "DOUBLE"])


def made_of(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions of which most are sound."""
    arguments = st.lists(inner, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        st.builds("{}({})".format, st.sampled_from(sorted(FUNCTIONS)), arguments),
        st.builds("({} {} {})".format, inner, OPERATORS, inner),
        st.builds("CASE WHEN {} THEN {} ELSE {} END".format, inner, inner, inner),
        st.builds("CAST({} AS {})".format, inner, CASTS),
        st.builds("coalesce({}, {})".format, inner, inner),
        st.builds("nullif({}, {})".format, inner, inner),
        st.builds("({} BETWEEN {} AND {})".format, inner, inner, inner),
        st.builds("(NOT {})".format, inner),
        st.builds("({} IN (1, 'x'))".format, inner),
    )


LEAVES = st.sampled_from(["a", '"B c"', "'x'", "1", "2.5", "NULL", "TRUE", "number(a)", "date(a)", "time(a)"])
CALLS = st.recursive(LEAVES, made_of, max_leaves=6)
CALLED = re.compile(r"([A-Za-z_]+)\s*\(")
OWN_WORDS = {
    *("try", "try_cast", "cast", "coalesce", "nullif", "in", "and", "or", "not", "when", "then", "else", "between"),
    *("decimal", "trim", "like", "is", "case", "with", "distinct", "read_number", "read_date", "read_time"),
}


def check_only_known_calls(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError:
        return
    sql = expression.sql({name: f"c{n}" for n, name in enumerate(expression.columns)})
    bare = re.sub(r"'(?:[^']|'')*'", "''", f"{sql.value} {sql.fails}")
    called = {name.lower() for name in CALLED.findall(bare)}
    assert called <= OWN_WORDS | FUNCTIONS.keys()
    assert not re.search(r"(?i)\b(select|from|over|lambda)\b|;|--|/\*|\$", bare)


@given(st.lists(PIECES, max_size=12).map(" ".join))
@examples(max_examples=250)
def test_whatever_is_written_of_sql_is_refused_or_known_calls_alone(text: str) -> None:
    check_only_known_calls(text)


@given(st.text(max_size=60))
@examples(max_examples=80)
def test_any_text_is_refused_or_known_calls_alone(text: str) -> None:
    check_only_known_calls(text)


@given(CALLS)
@examples(max_examples=120)
def test_no_row_makes_an_expression_fail(text: str) -> None:
    try:
        expression = parse(text)
    except ExpressionError:
        return
    sql = expression.sql({name: f"c{n}" for n, name in enumerate(expression.columns)})
    cells = ["x", "", "-1", "1e400", "2023-02-30", "9999-12-31 23:59:59", "99999999999999999999", "\u0130", "nan", None]
    columns = ", ".join(f"v AS c{n}" for n in range(len(expression.columns))) or "v"
    with duckdb.connect() as connection:
        if "TRY(" in f"{sql.value} {sql.fails}":
            connection.execute("SET disabled_optimizers = 'common_subexpressions'")  # as a night does
        for macro in reader_macros(Dialect()):
            connection.execute(macro)
        connection.execute("CREATE TABLE t AS SELECT UNNEST($1::VARCHAR[]) AS v", [cells])
        rows = connection.execute(f"SELECT {sql.value}, {sql.fails} FROM (SELECT {columns} FROM t)").fetchall()
    assert len(rows) == len(cells)
    assert all(fails is not None for _, fails in rows)

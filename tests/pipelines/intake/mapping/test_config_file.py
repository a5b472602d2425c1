"""What may stand in mapping.yaml; each fault is told with its line and the nearest name."""

from pathlib import Path

import pytest

from pipelines.contracts import sources
from pipelines.intake.mapping.compiler import compile_part
from pipelines.intake.mapping.config_file import MappingFile, MappingFileError, read_mapping, read_mapping_file
from pipelines.settings import ROOT

GOOD = """feeds:
  orders:
    files: ["orders*.csv"]
    dialect: {encoding: windows-1251, delimiter: ";", decimal_mark: ",", grouping_mark: " ", date_order: day_first}
    filters: {cancelled: "Status = 'cancelled'"}
sources:
  receipts:
  - feed: orders
    group_by: [Name]
    columns:
      receipt_id: {column: Name}
      issued_at: {expression: 'time("Paid at")'}
      total_amount: {column: Total, aggregate: sum}
      sales_channel: {constant: online}
"""


def read(tmp_path: Path, text: str) -> MappingFile:
    path = tmp_path / "mapping.yaml"
    path.write_text(text, encoding="utf-8")
    return read_mapping_file(path)


def faults(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(MappingFileError) as caught:
        read(tmp_path, text)
    return [f"{fault}".removeprefix(f"{tmp_path}/mapping.yaml, ") for fault in caught.value.faults]


def test_a_home_without_the_file_has_no_mapping(tmp_path: Path) -> None:
    assert read_mapping(tmp_path) is None


def test_receipts_are_due_every_night_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD).is_due("receipts")
    assert not read(tmp_path, GOOD).is_due("receipt_lines")
    assert not read(tmp_path, GOOD + "every_night: [receipt_lines]\n").is_due("receipts")


def test_a_dialect_is_read_as_a_contracts_and_tabs_stand_in_tsv(tmp_path: Path) -> None:
    dialect = read(tmp_path, GOOD).model.feeds["orders"].read_dialect()
    assert (dialect.encoding, dialect.delimiter, dialect.decimal_mark) == ("windows-1251", ";", ",")
    assert "\u00a0" in dialect.grouping_marks
    plain = GOOD.replace("orders*.csv", "orders*.tsv").replace(' delimiter: ";",', "")
    assert read(tmp_path, plain).model.feeds["orders"].read_dialect().delimiter == "\t"


@pytest.mark.parametrize(
    ("wrong", "right", "said"),
    [
        (
            "column: Total,",
            "colunm: Total,",
            "line 13, ~columns, total_amount, colunm: 'colunm' is no field. Did you mean column?",
        ),
        ("feed: orders", "feed: order", "line 8, ~feed: 'order' is no feed. Did you mean orders?"),
        ("  receipts:", "  receipt:", "line 7, sources, receipt: 'receipt' is no source. Did you mean receipts?"),
        (
            "issued_at:",
            "isued_at:",
            "line 12, ~columns, isued_at: 'isued_at' is no column of receipts. Did you mean issued_at?",
        ),
        (
            "      issued_at: {expression: 'time(\"Paid at\")'}\n",
            "",
            "line 10, ~columns: receipts can't do without issued_at",
        ),
        ('time("Paid at")', "now()", "line 12, ~columns, issued_at, expression: 'now()' is no function"),
        (
            "Status = 'cancelled'",
            "Status = (SELECT 1)",
            "line 5, feeds, orders, filters, cancelled: an expression holds no SELECT",
        ),
        (
            "    group_by: [Name]\n",
            "",
            "line 12, ~columns, total_amount, aggregate: an aggregate is of several lines",
        ),
        (
            "aggregate: sum",
            "aggregate: avg",
            "line 13, ~columns, total_amount, aggregate: 'avg' is no value. There are: first, max, min, sum",
        ),
        (
            "{constant: online}",
            "{constant: online, column: X}",
            "line 14, ~columns, sales_channel: a column comes from one of",
        ),
        ("orders*.csv", "../orders*.csv", "line 3, feeds, orders, files, no. 1: '../orders*.csv': files lie within"),
        ("windows-1251", "windows-9", "line 4, feeds, orders, dialect: encoding 'windows-9' is not known"),
        (
            "date_order: day_first",
            "date_order: day_first, date_format: MM/DD/YYYY",
            "line 4, feeds, orders, dialect: date_order day_first and date_format",
        ),
        ("date_order: day_first", "sheet: Orders", "line 2, feeds, orders: sheet: and header_row: are of workbooks"),
        ("date_order: day_first", "rows: line_items", "line 2, feeds, orders: rows: is of JSON"),
        (
            "cancelled:",
            "in_a_later_file:",
            "line 5, feeds, orders, filters, in_a_later_file: is a name that the pipeline uses",
        ),
        ("sources:\n", "sources:\n  receipts: []\nsources:\n", "line 8, sources: is there twice"),
    ],
)
def test_a_fault_is_told_with_its_line_and_the_nearest_name(tmp_path: Path, wrong: str, right: str, said: str) -> None:
    found = faults(tmp_path, GOOD.replace(wrong, right, 1))
    told = said.replace("~", "sources, receipts, no. 1, ")  # where most of them are
    assert any(text.startswith(told) for text in found), found


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("column: Total, aggregate: sum", "column: Total, default: free"),
        ("column: Total, aggregate", "expression: Total, aggregate"),
    ],
)  # fmt: skip
def test_what_duckdb_cannot_work_out_is_told_before_any_night(tmp_path: Path, wrong: str, right: str) -> None:
    (found,) = faults(tmp_path, GOOD.replace(wrong, right))
    assert found.startswith("line 8, sources, receipts, no. 1: receipts can't be made so: ")


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    found = faults(
        tmp_path, GOOD.replace("Status =", "Status ==== ").replace("issued_at:", "isued_at:") + "every_night: [x]\n"
    )
    assert [text.split(",")[0] for text in found] == ["line 5", "line 12", "line 15"]


@pytest.mark.parametrize("text", ["", "[]", "feeds: [", "a: &a [*a]", "feeds: {x: {files: [a]}}", "\tfeeds:"])
def test_what_is_no_mapping_at_all_is_refused_in_words(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, text)


def test_headers_stand_nowhere_in_what_is_run(tmp_path: Path) -> None:
    hostile = GOOD.replace("[Name]", "['x\"; DROP TABLE y --']").replace(
        "column: Name", "column: 'x\"; DROP TABLE y --'"
    )
    mapping = read(tmp_path, hostile)
    compiled = compile_part(sources()["receipts"], mapping.parts("receipts")[0], mapping.model.feeds["orders"])
    assert compiled.headers[0] == 'x"; DROP TABLE y --'
    assert "DROP TABLE" not in compiled.rows + compiled.made


def test_the_example_of_the_documentation_has_no_fault(tmp_path: Path) -> None:
    example = (ROOT / "docs" / "MAPPING.md").read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    assert set(read(tmp_path, example).model.sources) == {"receipts", "receipt_lines"}


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ("{total_amount: [-1, 1]}", None),
        ("{receipt_id: [-1, 1]}", "no number that this part makes. There are: total_amount"),
        ("{tax_amount: [-1, 1]}", "no number that this part makes. Did you mean total_amount?"),
        ("{total_amount: [1, -1]}", "from 1 to -1 there is nothing; write the lower number first"),
        ("{total_amount: [1]}", "is empty"),
    ],
)
def test_bounds_are_of_a_number_that_the_part_makes(tmp_path: Path, bounds: str, said: str | None) -> None:
    text = GOOD.replace("    group_by: [Name]\n", f"    group_by: [Name]\n    only_between: {bounds}\n")
    if said is None:
        assert read(tmp_path, text).parts("receipts")[0].only_between == {"total_amount": [-1, 1]}
    else:
        assert said in faults(tmp_path, text)[0]


def test_bounds_are_of_rows_that_are_grouped(tmp_path: Path) -> None:
    text = GOOD.replace("    group_by: [Name]\n", "    only_between: {total_amount: [0, 1]}\n")
    assert any("is of rows that are grouped" in fault for fault in faults(tmp_path, text))


def test_any_source_may_have_a_currency(tmp_path: Path) -> None:
    mapping = read(
        tmp_path, GOOD.replace("      sales_channel:", "      currency: {column: Cur}\n      sales_channel:")
    )
    assert mapping.parts("receipts")[0].columns["currency"].column == "Cur"

"""The draft of a mapping is YAML, says what is sure, and has the rest as comments."""

import pytest
import yaml

from pipelines.errors import BadDataError
from pipelines.intake.inspection.draft import file_pattern, mapping_draft, write_draft
from pipelines.intake.inspection.inspect import inspect_file

TILL = "Номер чека;Дата;Товар;Количество;Сумма\n" + "".join(
    f"{n // 2};{n + 1:02d}.05.2023 10:00;A-{n};1,000;1 {n:03d},50\n" for n in range(20)
)


@pytest.fixture
def till(tmp_path):
    path = tmp_path / "cheki_2023-05-30.csv"
    path.write_bytes(TILL.encode("windows-1251"))
    return inspect_file(path)


def test_a_draft_has_feeds_dialects_and_columns(till):
    draft = yaml.safe_load(mapping_draft([till]))
    assert draft["feeds"] == {
        "cheki": {
            "files": ["cheki_*.csv"],
            "dialect": {
                "encoding": "windows-1251",
                "delimiter": ";",
                "decimal_mark": ",",
                "grouping_mark": " ",
                "date_order": "day_first",
                "header_row": 1,
            },
        }
    }
    assert draft["sources"]["receipt_lines"] == [
        {
            "feed": "cheki",
            "columns": {
                "receipt_id": {"column": "Номер чека"},
                "product_id": {"column": "Товар"},
                "quantity": {"column": "Количество"},
                "amount": {"column": "Сумма"},
            },
        }
    ]


def test_each_doubt_is_a_comment(till):
    draft = mapping_draft([till])
    assert "# missing: line_number (required)" in draft
    assert "# ambiguous: times carry no offset" in draft
    assert all(f"# ambiguous: {doubt}" in draft for doubt in till.doubts)


def test_a_header_cannot_break_the_draft(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('"Order ID","Total: {a}\n# b","Date"\n1,1.50,2023-05-01\n2,2.50,2023-05-02\n', encoding="utf-8")
    draft = yaml.safe_load(mapping_draft([inspect_file(path)]))
    assert draft["sources"]["receipts"][0]["columns"]["receipt_id"] == {"column": "Order ID"}


def test_files_of_one_form_are_one_feed(till):
    draft = yaml.safe_load(mapping_draft([till, till]))
    assert list(draft["feeds"]) == ["cheki"]
    assert len(draft["sources"]["receipt_lines"]) == 1


def test_files_of_one_name_and_another_form_are_two_feeds_in_doubt(tmp_path, till):
    path = tmp_path / "cheki_2023-05-31.csv"
    path.write_bytes(TILL.encode())
    draft = mapping_draft([till, inspect_file(path)])
    assert list(yaml.safe_load(draft)["feeds"]) == ["cheki", "cheki_2"]
    assert draft.count("another feed has the same pattern") == 2


def test_a_no_break_space_can_be_seen_in_the_draft(tmp_path):
    path = tmp_path / "no.csv"
    path.write_text("Номер чека;Сумма\n1;1\u00a0724,96\n2;3,50\n", encoding="utf-8")
    draft = mapping_draft([inspect_file(path)])
    assert 'grouping_mark: "\\u00a0"' in draft
    assert yaml.safe_load(draft)["feeds"]["no_feed"]["dialect"]["grouping_mark"] == "\u00a0"


def test_a_draft_is_readable_by_its_owner_alone_and_replaces_nothing(tmp_path, till):
    path = tmp_path / "mapping.yaml"
    write_draft([till], path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadDataError, match="exists already"):
        write_draft([till], path)


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("orders_export_1.csv", "orders_export_*.csv"),
        ("orders_export.csv", "orders_export*.csv"),
        ("2023-05-30 чеки.csv.gz", "* чеки*.csv.gz"),
        ("a[1].xlsx", "a?*?*.xlsx"),
    ],
)
def test_dates_and_numbers_of_a_file_name_may_be_any(name, pattern):
    assert file_pattern(name) == pattern

"""Data quality, drift, and what is missing."""

from pathlib import Path

from report_warehouse import Page, written

from pipelines.tables.inputs import contract_of


def test_rows_read_and_rejected_are_those_of_the_tables(full_page: str) -> None:
    rows = Page(full_page).rows
    assert ("receipts", "1,204", "1,187", "15", "1.25%", "2", "8") in rows
    assert ("receipts", "total_amount_missing", "11", "1", "receipts.csv.gz, row 10") in rows


def test_a_null_column_is_explained_by_the_models_note_or_else_its_definition(full_page: str, tmp_path: Path) -> None:
    rows = Page(full_page).rows
    assert (
        "customer_360",
        "gross_margin",
        "all",
        "gross_margin is unknown: no receipt line has a cost_amount.",
    ) in rows
    page = written(tmp_path, {"customer_360": [("c1", *(None,) * 3, 0, 0, *(None,) * 5, True)]})
    columns = {column.name: column for column in contract_of("customer_360").columns}
    definition = f"By definition: {columns['gross_margin'].description}"
    assert ("customer_360", "gross_margin", "all", definition) in Page(page).rows


def test_expectations_that_were_not_met_are_listed_and_the_others_counted(full_page: str) -> None:
    page = Page(full_page)
    assert ("receipts", "reject_rate", "15 of 1,204 rows are rejected", "At most 1 %.", "See why.") in page.rows
    assert not [row for row in page.rows if "duplicate_rate" in row]
    assert "1 of 2 expectations of the night's extracts were not met" in page.sections["quality"]


def test_drift_is_worded_with_what_moved(full_page: str) -> None:
    page = Page(full_page)
    words = page.sections["drift"]
    assert (
        "Churn: the scores have moved far: trust them less until the model is fitted again (index 0.301); 1 of 2"
        " features moved somewhat: order count 90d (0.12)."
    ) in words
    assert "Churn: the last churn model predicts better and stays." in words
    assert "Clv: the last model of spend does better and stays." in words
    assert "Growth: drift is not known, 300 customers tonight; 2,000 are needed." in words
    assert "Next order: for more than 35 days no newer one was good enough." in words
    assert ("churn", "order count 90d", "0.1234", "has moved", "12 Mar 2025") in page.rows


def test_rows_that_do_not_add_up_are_named(tmp_path: Path) -> None:
    tables = {"data_quality": [("receipts", 10, 8, 1, 0, 0), ("stores", 3, 3, 0, 0, 0)]}
    words = Page(written(tmp_path, tables)).sections["quality"]
    assert "Rows do not add up (read is not loaded + rejected + duplicate) for receipts." in words

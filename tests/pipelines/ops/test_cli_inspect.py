"""`loyalty inspect` says what it found, and ends in 1 where a file is no table."""

from preset_files import INVOICES_NIGHT
from typer.testing import CliRunner

from pipelines.ops.cli import app


def test_what_is_found_is_printed_and_a_draft_written(tmp_path):
    file, draft = tmp_path / "orders.csv", tmp_path / "mapping.yaml"
    file.write_text("Order ID,Date,Total\n1,2023-05-01,1.50\n2,2023-05-02,2.50\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["inspect", str(file), "--write", str(draft)])
    assert result.exit_code == 0
    assert "an order (a receipt)" in result.stdout
    assert "receipts:" in draft.read_text(encoding="utf-8")


def test_a_file_that_is_no_table_ends_in_1_and_the_others_are_shown(tmp_path):
    good, bad = tmp_path / "orders.csv", tmp_path / "empty.csv"
    good.write_text("Order ID,Date,Total\n1,2023-05-01,1.50\n", encoding="utf-8")
    bad.touch()
    result = CliRunner().invoke(app, ["inspect", str(bad), str(good)])
    assert result.exit_code == 1
    assert "an order (a receipt)" in result.stdout
    assert f"Error: {bad}: the file is empty" in result.stderr
    assert "Traceback" not in result.output


def test_the_preset_that_a_file_fits_is_named(tmp_path):
    file = tmp_path / "invoices.csv"
    file.write_text(INVOICES_NIGHT, encoding="utf-8")
    result = CliRunner().invoke(app, ["inspect", str(file)])
    assert f"It fits the preset invoice-lines: loyalty init --preset invoice-lines {file}" in result.stdout

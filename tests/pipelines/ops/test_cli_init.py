"""`loyalty init` makes a home whole or not at all, and assumes nothing that can't be changed later."""

from pathlib import Path

import pytest
from preset_files import CHECKS_NIGHT, INVOICES_NIGHT, SHOPIFY, SHOPIFY_NIGHT, text_of
from typer.testing import CliRunner

from pipelines.intake.mapping.config_file import read_mapping_file
from pipelines.ops import cli_init, init
from pipelines.ops.cli import app
from pipelines.settings import load_settings

SETTINGS = ("--currency", "usd", "--time-zone", "America/New_York", "--phone-region", "us")


@pytest.fixture(autouse=True)
def no_home(monkeypatch):
    for name in ("HOME", "CURRENCY", "TIMEZONE", "PHONE_REGION"):
        monkeypatch.delenv(f"LOYALTY_{name}", raising=False)
    monkeypatch.setenv("LOYALTY_HOME", "unused")
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()


@pytest.fixture
def orders(tmp_path):
    path = tmp_path / "orders_export_1.csv"
    path.write_text(text_of(SHOPIFY, SHOPIFY_NIGHT), encoding="utf-8")
    return path


@pytest.fixture
def invoices(tmp_path):
    path = tmp_path / "invoices.csv"
    path.write_text(INVOICES_NIGHT, encoding="utf-8")
    return path


def run(home: Path, *arguments: object, answers: str | None = None):
    load_settings.cache_clear()
    return CliRunner().invoke(app, ["init", *map(str, arguments), "--home", str(home)], input=answers)


def test_a_home_is_made_by_a_preset_and_its_owner_alone_reads_it(tmp_path, orders):
    home = tmp_path / "home"
    result = run(home, orders, "--preset", "shopify", *SETTINGS)
    assert result.exit_code == 0, result.output
    assert (home / "settings.env").read_text(encoding="utf-8") == (
        "LOYALTY_CURRENCY=USD\nLOYALTY_TIMEZONE=America/New_York\nLOYALTY_PHONE_REGION=US\n"
        'LOYALTY_GIFT_CARD_CATEGORIES=["gift cards"]\n'
    )
    copied = home / "landing" / "2024-02-06" / "orders_export_1.csv"
    assert copied.read_bytes() == orders.read_bytes()
    files = [path for path in home.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert len(files) == 3
    assert f"loyalty run --date 2024-02-06 --home {home}" in result.stdout
    load_settings.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        assert load_settings().gift_card_categories == ("gift cards",)
    again = run(home, orders, "--preset", "shopify", *SETTINGS)
    assert again.exit_code == 1
    assert "settings.env is there already" in again.stderr


def test_what_can_not_be_changed_later_is_never_assumed(tmp_path, invoices):
    result = run(tmp_path / "home", invoices, "--preset", "invoice-lines", "--currency", "GBP")
    assert result.exit_code == 1
    assert "say --time-zone, --phone-region: it can't be changed" in result.stderr
    assert not (tmp_path / "home").exists()


def test_a_currency_that_the_file_has_is_said_and_not_taken(tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text("Order ID,Date,Total (EUR)\n1,2023-05-01,1.50\n2,2023-05-02,2.50\n", encoding="utf-8")
    result = run(tmp_path / "home", file, *SETTINGS[2:])
    assert "say --currency" in result.stderr
    assert "currency EUR in sales.csv" in result.stderr
    result = run(tmp_path / "home", file, *SETTINGS)
    assert "sales.csv speaks of EUR" in result.stdout
    assert "the home is kept in USD" in result.stdout


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [("--currency", "dollars", "--currency"), ("--time-zone", "Moscow", "IANA"), ("--phone-region", "XX", "region")],
)
def test_a_setting_that_is_none_names_its_option(tmp_path, invoices, option, value, said):
    given = [value if before == option else text for before, text in zip(("", *SETTINGS), SETTINGS, strict=False)]
    result = run(tmp_path / "home", invoices, "--preset", "invoice-lines", *given)
    assert result.exit_code == 1
    assert said in result.stderr
    assert not (tmp_path / "home").exists()


def test_at_a_terminal_the_preset_that_fits_and_the_settings_are_asked(tmp_path, orders, monkeypatch):
    monkeypatch.setattr(cli_init, "is_terminal", lambda: True)
    result = run(tmp_path / "home", orders, answers="y\n\nMoscow\nEurope/Moscow\nru\n")
    assert result.exit_code == 0, result.output
    assert "fit the preset shopify (Shopify, orders export). Use it?" in result.stdout
    assert "like EUR [USD]" in result.stdout
    assert "'Moscow' is no IANA time zone" in result.output
    # Moscow is ahead of the shop's -0500: its last sale may be of the next day.
    assert (tmp_path / "home" / "landing" / "2024-02-07").is_dir()
    assert "LOYALTY_TIMEZONE=Europe/Moscow\nLOYALTY_PHONE_REGION=RU\n" in (tmp_path / "home/settings.env").read_text()


def test_without_a_terminal_a_preset_that_fits_is_named_and_not_taken(tmp_path, invoices):
    result = run(tmp_path / "home", invoices, *SETTINGS)
    assert result.exit_code == 1
    assert "fit --preset invoice-lines: say it, or --preset draft" in result.stderr


def test_a_preset_that_does_not_fit_names_the_columns_the_nearest_and_what_fits(tmp_path):
    file = tmp_path / "invoices.csv"
    file.write_text(INVOICES_NIGHT.replace("Invoice,", "InvoiceNo,", 1), encoding="utf-8")
    result = run(tmp_path / "home", file, "--preset", "invoice-lines", *SETTINGS)
    assert result.exit_code == 1
    assert f"{file} does not fit the preset invoice-lines" in result.stderr
    assert "'Invoice' (the nearest is 'InvoiceNo')" in result.stderr
    assert "No preset fits them; --preset draft" in result.stderr
    other = run(tmp_path / "home", file, "--preset", "shopify", *SETTINGS)
    assert "'Lineitem quantity' (the nearest is 'Quantity')" in other.stderr


def test_a_file_that_is_written_otherwise_than_the_preset_has_it_is_met(tmp_path):
    file = tmp_path / "till export 7.csv"
    file.write_text(CHECKS_NIGHT, encoding="utf-8")
    result = run(tmp_path / "home", file, "--preset", "till-1c", *SETTINGS)
    assert "dialect in mapping.yaml, as the files have it: encoding utf-8" in result.stdout
    feed = read_mapping_file(tmp_path / "home" / "mapping.yaml").model.feeds["checks"]
    assert (feed.dialect.encoding, feed.dialect.delimiter, feed.dialect.decimal_mark) == ("utf-8", ";", ",")
    file = tmp_path / "kassa-7.csv"
    file.write_text(CHECKS_NIGHT, encoding="windows-1251")
    run(tmp_path / "other", file, "--preset", "till-1c", *SETTINGS)
    feed = read_mapping_file(tmp_path / "other" / "mapping.yaml").model.feeds["gift_cards"]
    assert (feed.files, feed.dialect.encoding) == (["kassa-*.csv"], "windows-1251")


def test_files_that_fit_no_preset_give_a_draft_with_what_is_left_to_do(tmp_path):
    file = tmp_path / "sales.csv"
    file.write_text("Order ID,Date,Amount\n1,2023-05-01,1.50\n2,2023-05-02,2.50\n", encoding="utf-8")
    result = run(tmp_path / "home", file, *SETTINGS)
    assert result.exit_code == 0, result.output
    assert "no preset fits these files, so mapping.yaml is a draft" in result.stdout
    assert (tmp_path / "home/landing/2023-05-02/sales.csv").is_file()


def test_nothing_is_left_when_a_file_can_not_be_written(tmp_path, invoices, monkeypatch):
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(init, "write_atomically", full)
    result = run(tmp_path / "home", invoices, "--preset", "invoice-lines", *SETTINGS)
    assert result.exit_code == 1
    assert "No space left on device; nothing was written" in result.stderr
    assert not (tmp_path / "home").exists()


def test_files_of_the_landing_folder_stay_where_they_are(tmp_path, invoices):
    folder = tmp_path / "home" / "landing" / "2024-02-10"
    folder.mkdir(parents=True)
    file = invoices.rename(folder / invoices.name)
    result = run(tmp_path / "home", file, "--preset", "invoice-lines", *SETTINGS)
    assert result.exit_code == 0, result.output
    assert [path.name for path in folder.iterdir()] == ["invoices.csv"]
    assert "landing/" not in result.stdout.split("Files go")[0]
    assert "these are the night 2024-02-10." in result.stdout


def test_two_files_of_one_name_and_a_name_that_no_feed_reads_are_refused(tmp_path, invoices):
    (tmp_path / "more").mkdir()
    other = tmp_path / "more" / "Invoices.csv"
    other.write_bytes(invoices.read_bytes())
    result = run(tmp_path / "home", invoices, other, *SETTINGS)
    assert "have one name; give one of them another" in result.stderr
    result = run(tmp_path / "home", invoices.rename(tmp_path / "invoices.dat"), *SETTINGS)
    assert "invoices.dat: feeds read .csv" in result.stderr


@pytest.mark.parametrize("bad", ["", "x" * 10, "a,b\n"])
def test_a_file_that_is_no_table_of_sales_ends_in_words(tmp_path, bad):
    file = tmp_path / "orders.csv"
    file.write_text(bad, encoding="utf-8")
    result = run(tmp_path / "home", file, *SETTINGS)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert not (tmp_path / "home").exists()


def test_a_night_that_cannot_be_told_is_asked_for_with_the_dates_that_files_have(tmp_path):
    (tmp_path / "odd.csv").write_text("Foo,Bar\n1,2024-01-05\n2,2024-02-05\n", encoding="utf-8")
    result = run(tmp_path / "home", tmp_path / "odd.csv", *SETTINGS)
    assert result.exit_code == 1
    assert (
        "say the files' night, the day of their last sale, with --date YYYY-MM-DD "
        "(no column is known as a sale's date; Bar in odd.csv ends 2024-02-05)"
    ) in result.stderr
    assert not (tmp_path / "home").exists()

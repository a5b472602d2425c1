"""What a preset is: a mapping in one file, with what it does in its comments, fitted to a retailer's files."""

import pytest
import yaml
from preset_files import (
    CHECKS_NIGHT,
    INVOICES_NIGHT,
    ITEMS,
    SHOPIFY,
    SHOPIFY_LATER,
    SHOPIFY_NIGHT,
    WOOCOMMERCE,
    WOOCOMMERCE_NIGHT,
    text_of,
)

from pipelines.errors import LoyaltyError
from pipelines.intake.mapping.config_file import read_mapping_file
from pipelines.intake.mapping.presets import FOLDER, find_preset, preset_names, read_preset, rewritten, with_nearest
from pipelines.settings import ROOT

TREATED = ("refunds", "shipping", "tax", "tips", "discounts", "gift cards", "cancelled", "pending", "test", "customers")
SMALL = """# A till
# setting: LOYALTY_AMOUNTS_INCLUDE_TAX=false
feeds:
  sales:
    files: &files ["a*.csv"]  # kept
    filters: {none: "Sum IS NULL"}
  again:
    files: *files
    dialect:
      delimiter: ";"
      decimal_mark: ","
sources:
  receipts:
  - feed: sales
    columns: {receipt_id: {column: "No"}, issued_at: {column: "Day"}, total_amount: {column: "Sum"}}
  - feed: again
    columns: {receipt_id: {expression: "No || '-b'"}, issued_at: {column: "Day"}, total_amount: {column: "Tip"}}
"""


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_is_a_mapping_without_fault_and_says_how_it_treats_each(name):
    read_mapping_file(FOLDER / f"{name}.yaml")
    preset = find_preset(name)
    comments = [line for line in preset.text.splitlines() if line.startswith("# ")]
    for word in TREATED:
        assert any(line.startswith((f"# {word} ", f"# {word},")) for line in comments), word
    assert preset.settings["LOYALTY_GIFT_CARD_CATEGORIES"] == '["gift cards"]'


def test_a_preset_of_another_name_is_none():
    with pytest.raises(LoyaltyError, match="Did you mean shopify"):
        find_preset("shopfy")


def test_its_headers_are_those_of_all_parts_and_each_must_be_there_once(tmp_path):
    (tmp_path / "till.yaml").write_text(SMALL, encoding="utf-8")
    (form,) = read_preset(tmp_path / "till.yaml").forms
    assert (form.feeds, form.headers) == (("sales", "again"), ("Sum", "No", "Day", "Tip"))
    assert form.missing(["no", "DAY", "Sum", "Tip", "Other"]) == []
    assert form.missing(["No", "Day", "Day", "Sums"]) == ["Sum", "Day", "Tip"]
    assert with_nearest(["Sum", "Day", "Tip"], ["No", "Day", "Day", "Sums"]) == [
        "  'Sum' (the nearest is 'Sums')",
        "  'Day' (is there twice)",
        "  'Tip'",
    ]


def test_files_and_dialects_are_written_anew_and_all_else_stays(tmp_path):
    (tmp_path / "till.yaml").write_text(SMALL, encoding="utf-8")
    preset = read_preset(tmp_path / "till.yaml")
    text = rewritten(preset, {preset.forms[0]: ['x "1"*.csv', "y.csv"]}, {preset.forms[0]: {"encoding": "cp1251"}})
    (tmp_path / "new.yaml").write_text(text, encoding="utf-8")
    feeds = read_mapping_file(tmp_path / "new.yaml").model.feeds
    assert [feeds[name].files for name in ("sales", "again")] == [['x "1"*.csv', "y.csv"]] * 2
    assert [feeds[name].dialect.encoding for name in ("sales", "again")] == ["cp1251", "cp1251"]
    assert '  # kept\n    filters: {none: "Sum IS NULL"}' in text
    assert text.startswith("# A till\n")


def test_the_files_of_the_first_night_are_those_that_the_presets_are_tested_on():
    files = {
        "orders_export_1.csv": text_of(SHOPIFY, SHOPIFY_NIGHT).encode(),
        "orders_export_2.csv": text_of(SHOPIFY, SHOPIFY_LATER).encode(),
        "online_retail.csv": INVOICES_NIGHT.encode(),
        "cheki.csv": CHECKS_NIGHT.encode("windows-1251"),
        "items-2024-01-31-2024-02-03.csv": ITEMS.encode(),
        "woocommerce_orders.csv": text_of(WOOCOMMERCE, WOOCOMMERCE_NIGHT).encode(),
    }
    folder = ROOT / "docs" / "first_night"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files


def test_the_servers_compose_file_has_what_the_scheduler_needs():
    compose = yaml.safe_load((ROOT / "docs" / "server" / "compose.yaml").read_text(encoding="utf-8"))
    environment = compose["services"]["scheduler"]["environment"]
    assert environment["AIRFLOW__CORE__DAGS_FOLDER"] == "/opt/loyalty/dags"
    assert environment["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert set(compose["services"]) == {"postgres", "migrate", "api", "scheduler", "dag-processor", "triggerer"}

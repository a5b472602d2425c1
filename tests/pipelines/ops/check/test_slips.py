"""Slips that people make with files are each named before anything is built, or do no harm."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from batches import load
from conftest import Retailer
from slips import GAPS, HARMLESS, HISTORY, NAMED, NIGHT, OF_FILES, OF_ROWS, Files, delivery, history

from pipelines.contracts import sources
from pipelines.errors import BadDataError
from pipelines.intake.deliveries import check_deliveries, delivery_of
from pipelines.ops.check.report import Checked, check_landing_folder
from pipelines.settings import load_settings
from pipelines.store.lake import Lake

# Slips that do not meet are tried in one folder, so that each is also named beside others.
STOPPED = (
    ("times_as_in_america", "currency_signs", "control_totals"),
    ("short_years", "thousands", "serial_dates", "full_load_cut"),
    ("times_alone", "wrong_encoding"),
    ("decimal_commas_in_quotes", "shifted_columns"),
    ("shifted_header", "swapped_addresses"),
    ("swapped_ids", "a_comma_within_a_name"),
    ("swapped_money_and_shop",),
    ("next_month",),
    ("registered_in_future",),
    ("numbers_anew_each_day",),
    ("cents",),
    ("cents_on_receipts_alone", "a_new_column"),
    ("other_days_lines", "unknown_words"),
    ("another_currency",),
    ("ids_of_a_spreadsheet",),
)
GOES_ON = (
    ("cut_within_a_line", "a_file_of_nobody"),
    ("half_the_rows",),
    ("header_alone",),
    ("rows_twice", "line_numbers_of_one"),
    ("the_last_night_again",),
    ("yesterday",),
    ("day_and_month_swapped",),
    ("long_ago",),
    ("total_row", "header_again"),
    ("sales_below_zero", "leading_zeros_lost"),
    ("no_money", "lines_missing"),
    ("receipts_of_some_lines_missing",),
    ("customers_lost", "pieces_in_thousands", "zeros_lost_in_customers", "shops_renamed"),
    ("one_customer", "pieces_below_zero", "names_of_others"),
    ("one_address",),
    ("none_is_new", "days_of_another_zone"),
)
SLIPS = OF_ROWS | NAMED


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    """A shop after its first night."""
    home = tmp_path_factory.mktemp("slips") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        patch.setenv("LOYALTY_THREADS", "1")
        load_settings.cache_clear()
        shop = Retailer(home)
        put(shop, HISTORY, history())
        load(shop, HISTORY)
        yield shop
    load_settings.cache_clear()


def put(shop: Retailer, night: str, files: Files) -> Path:
    """Deliver a folder in the place of what was there."""
    folder = shop.home / "landing" / night
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def checked(shop: Retailer, *changes: object) -> Checked:
    files = delivery(NIGHT)
    for change in changes:
        change(files)
    put(shop, NIGHT, files)
    return check_landing_folder(shop.settings, date.fromisoformat(NIGHT))


def unwrapped(found: Checked) -> str:
    return " ".join(" ".join(found.lines).split())


def test_every_slip_is_tried():
    assert sorted(name for folder in STOPPED + GOES_ON for name in folder) == sorted(SLIPS)
    assert len(SLIPS) + len(OF_FILES) + len(GAPS) > 60


@pytest.mark.parametrize("slip", OF_FILES)
def test_a_slip_with_a_file_stops_the_night_before_a_row_is_read(shop, slip):
    files = delivery(NIGHT)
    change, words = OF_FILES[slip]
    change(files)
    folder = put(shop, NIGHT, files)
    with pytest.raises(BadDataError) as stopped:
        check_deliveries(folder, sources().values(), shop.settings)
        delivery_of(sources()["receipts"], folder, shop.settings, Lake(shop.home))
    assert words in str(stopped.value)


@pytest.mark.parametrize("slips", STOPPED, ids=" ".join)
def test_slips_that_stop_the_night_are_each_named(shop, slips):
    found = checked(shop, *(SLIPS[name][0] for name in slips))
    said = unwrapped(found)
    assert [words for words in (SLIPS[name][1] for name in slips) if words not in said] == []
    assert len(found.stops) >= sum(name in OF_ROWS for name in slips)
    assert f"The night of {NIGHT} would stop." in said


@pytest.mark.parametrize("slips", GOES_ON, ids=" ".join)
def test_slips_that_do_not_stop_the_night_are_each_named(shop, slips):
    found = checked(shop, *(SLIPS[name][0] for name in slips))
    said = unwrapped(found)
    assert [words for words in (SLIPS[name][1] for name in slips) if words not in said] == []
    assert found.stops == ()
    assert f"The night of {NIGHT} would go on" in said


@pytest.mark.parametrize("ways", HARMLESS)
def test_other_ways_to_write_the_same_are_not_spoken_of(shop, ways):
    found = checked(shop, HARMLESS[ways])
    assert found.stops == ()
    assert [line for line in found.lines if line.startswith(("Look at", "Rules"))] == []

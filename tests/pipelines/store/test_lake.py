"""The lake: nights that are opened, committed and forgotten, and the files that stay for them."""

import json
from datetime import date
from pathlib import Path

import pytest

from pipelines.errors import LoyaltyError, NightOpenError
from pipelines.settings import load_settings
from pipelines.store.home import check_identity, keep_identity
from pipelines.store.lake import CommittedNight, Lake, Night, run_token
from pipelines.store.manifest import Backtest, TableState

FIRST, SECOND, THIRD = (date(2017, 12, day) for day in (1, 2, 3))


def write(night: Night, table: str = "stores", rows: int = 1) -> Path:
    """A data file of a table, recorded in the night's draft."""
    path = night.new_file(table)
    path.write_bytes(b"rows")
    night.add(table, TableState(data_files=(night.data_file(path, rows),)))
    return path


def commit(lake: Lake, day: date, run: str = "run") -> Path:
    """A committed night of one table; returns its file."""
    night = lake.open_night(day, run)
    path = write(night)
    night.commit("test", {}, ["stores"])
    night.finish()
    return path


def test_a_night_is_known_once_it_is_committed_and_reads_back_as_it_was(tmp_path):
    lake = Lake(tmp_path)
    night = lake.open_night(FIRST, "run")
    path = write(night, rows=7)
    assert lake.nights() == []
    manifest = night.commit("test", {"currency": "EUR"}, ["stores"])
    assert lake.nights() == [FIRST]
    assert lake.manifest(FIRST) == manifest
    (file,) = manifest.tables["stores"].data_files
    assert (lake.path(file.path), file.night, file.rows) == (path, FIRST, 7)
    assert lake.relative(path) == file.path
    assert CommittedNight(lake, FIRST, "any").tables() == manifest.tables


def test_a_night_that_lacks_a_table_is_not_committed(tmp_path):
    night = Lake(tmp_path).open_night(FIRST, "run")
    with pytest.raises(LoyaltyError, match="stores of night 2017-12-01 is not made yet"):
        night.commit("test", {}, ["stores"])
    assert Lake(tmp_path).nights() == []


def test_a_committed_night_without_a_table_has_it_empty(tmp_path):
    commit(Lake(tmp_path), FIRST)
    assert CommittedNight(Lake(tmp_path), FIRST, "any").table("newer") == TableState()


def test_only_the_run_that_opened_a_night_may_work_on_it(tmp_path):
    lake = Lake(tmp_path)
    with pytest.raises(NightOpenError, match="it was never opened or is long finished"):
        lake.night(FIRST, "run")
    lake.open_night(FIRST, "run")
    assert lake.night(FIRST, "run").token == run_token("run")
    assert (lake.open_nights(), lake.open_runs()) == (["2017-12-01"], ["run"])
    lake.open_night(SECOND, "other")
    with pytest.raises(NightOpenError, match="run other has begun night 2017-12-02"):
        lake.night(FIRST, "run")
    lake.discard_open_nights()
    assert lake.open_nights() == []


def test_a_finished_night_is_no_longer_worked_on_but_for_finishing_it_again(tmp_path):
    lake = Lake(tmp_path)
    lake.open_night(FIRST, "run").finish()
    with pytest.raises(NightOpenError, match=r"it is finished\. Run the whole night again: in Airflow, clear"):
        lake.night(FIRST, "run")
    lake.night(FIRST, "run", may_be_finished=True).finish()
    lake.discard_open_nights()
    with pytest.raises(NightOpenError, match="it was never opened"):
        lake.night(FIRST, "run", may_be_finished=True)


def test_files_of_open_committed_and_published_nights_stay_and_no_others(tmp_path):
    lake = Lake(tmp_path)
    kept = commit(lake, FIRST)
    commit(lake, SECOND, "first run")
    published = commit(lake, SECOND, "second run")
    lake.keep_published(SECOND, [lake.relative(published)])
    (tmp_path / "warehouse.2017-12-02.duckdb").touch()
    newest = commit(lake, SECOND, "third run")
    draft = write(lake.open_night(THIRD, "run"))
    lake.collect_garbage()
    assert set(lake.table_files()) == {kept, published, newest, draft}
    lake.forget_published(SECOND)
    lake.collect_garbage()
    assert set(lake.table_files()) == {kept, newest, draft}


def test_the_note_of_a_warehouse_stays_while_the_notes_before_it_are_forgotten(tmp_path):
    lake = Lake(tmp_path)
    commit(lake, FIRST)
    old, new = (lake.keep_published(FIRST, [name]) for name in ("b", "a"))
    assert json.loads(new.read_bytes()) == ["a"]
    lake.forget_published(FIRST, but=new)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_temporary_folder_is_a_tasks_own_and_goes_with_the_next_night(tmp_path):
    lake = Lake(tmp_path)
    night = lake.open_night(FIRST, "run")
    temporary = night.temporary_folder()
    assert night.temporary_folder() != temporary
    night.finish()
    lake.open_night(SECOND, "next")
    assert not temporary.exists()


def test_a_night_keeps_what_people_edit_as_it_was_when_it_was_opened_and_whether_its_lists_may_leave(
    tmp_path,
):
    lake = Lake(tmp_path)
    lake.open_night(FIRST, "run", campaign_file=b"campaigns: []", target_file=b"plan: []", delivers=False)
    night = lake.night(FIRST, "run")
    assert (night.campaign_file, night.target_file, night.delivers) == (b"campaigns: []", b"plan: []", False)
    again = lake.open_night(FIRST, "again")
    assert (again.campaign_file, again.target_file, again.delivers) == (None, None, True)


def test_a_successor_is_a_file_of_the_same_table_night_and_run(tmp_path):
    lake = Lake(tmp_path)
    path = lake.open_night(FIRST, "run").new_file("stores")
    new = lake.successor(path, "0123abcd")
    assert (new.parent, new.name) == (path.parent, f"2017-12-01.{run_token('run')}.0123abcd.parquet")


def test_nights_before_one_that_is_kept_can_be_forgotten(tmp_path):
    lake = Lake(tmp_path)
    for day in (FIRST, SECOND, THIRD):
        commit(lake, day)
    assert lake.remove_nights(before=THIRD) == [FIRST, SECOND]
    assert lake.nights() == [THIRD]
    assert lake.latest_before(THIRD) is None


def test_the_night_before_is_the_latest_committed_one(tmp_path):
    lake = Lake(tmp_path)
    commit(lake, FIRST)
    commit(lake, THIRD)
    assert lake.open_night(SECOND, "late").previous == lake.manifest(FIRST)


def test_a_backtest_is_replaced_by_a_later_one_of_its_night_and_shown_to_later_nights(tmp_path):
    lake = Lake(tmp_path)
    commit(lake, FIRST)
    assert lake.backtests.latest_until(FIRST) is None
    for day, version in ((FIRST, "a"), (FIRST, "b"), (THIRD, "c")):
        lake.backtests.replace(Backtest(run_date=day, code_version=version, tables={}))
    shown = [lake.backtests.latest_until(day) for day in (FIRST, SECOND, THIRD)]
    assert [backtest and backtest.code_version for backtest in shown] == ["b", "b", "c"]
    lake.backtests.remove(before=THIRD)  # the last before it stays: nights after it show that one
    assert lake.backtests.latest_until(SECOND) is not None


def test_a_backtest_begins_without_what_a_killed_one_left(tmp_path):
    lake = Lake(tmp_path)
    commit(lake, FIRST)
    left = lake.open_backtest(FIRST).temporary_folder()
    lake.open_backtest(FIRST)
    assert not left.exists()


@pytest.mark.parametrize("name", ["time zone", "currency"])
def test_a_home_keeps_the_time_zone_and_the_currency_that_it_was_filled_with(tmp_path, name):
    identity = {"time zone": "UTC", "currency": "EUR"}
    for _ in range(2):
        check_identity(tmp_path, identity)
        keep_identity(tmp_path, identity)
    with pytest.raises(
        LoyaltyError, match=f"this home was filled with {name} {identity[name]}, the settings now say x"
    ):
        check_identity(tmp_path, identity | {name: "x"})


def test_a_home_whose_time_zone_changed_is_refused(retailer, monkeypatch):
    retailer.deliver("2017-12-01")
    retailer.load("2017-12-01")
    monkeypatch.setenv("LOYALTY_TIMEZONE", "Asia/Vladivostok")
    load_settings.cache_clear()
    with pytest.raises(LoyaltyError, match="this home was filled with time zone America/New_York"):
        retailer.open("2017-12-01")

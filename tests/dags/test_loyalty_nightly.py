"""The DAG: what it is drawn from, which business date a run has, and what fails without retries."""

import fcntl
import importlib.util
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from pipelines.catalog import GATE, tables, tables_by_task
from pipelines.contracts import sources
from pipelines.errors import BadDataError, LoyaltyError
from pipelines.settings import ROOT, load_settings
from pipelines.table import LAYERS


@pytest.fixture
def load_dag_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Load the DAG file as a home in a time zone sees it."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path / "home"))

    def load(zone: str = "UTC") -> ModuleType:
        monkeypatch.setenv("LOYALTY_TIMEZONE", zone)
        load_settings.cache_clear()
        spec = importlib.util.spec_from_file_location("loyalty_nightly", ROOT / "dags" / "loyalty_nightly.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    yield load
    load_settings.cache_clear()


def scheduled(start: datetime | None, run_type: str = "scheduled", run_date: str | None = None) -> dict[str, Any]:
    dag_run = SimpleNamespace(run_type=run_type)
    return {"params": {"run_date": run_date}, "data_interval_start": start, "dag_run": dag_run}


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        ("Asia/Vladivostok", datetime(2025, 6, 1, 17, tzinfo=UTC), date(2025, 6, 2)),
        ("America/New_York", datetime(2025, 6, 1, 7, tzinfo=UTC), date(2025, 6, 1)),
        # The nights on which New York's clocks change: 03:00 is 08:00 UTC before, 07:00 from then on, and back.
        ("America/New_York", datetime(2025, 3, 8, 8, tzinfo=UTC), date(2025, 3, 8)),
        ("America/New_York", datetime(2025, 3, 9, 7, tzinfo=UTC), date(2025, 3, 9)),
        ("America/New_York", datetime(2025, 11, 1, 7, tzinfo=UTC), date(2025, 11, 1)),
        ("America/New_York", datetime(2025, 11, 2, 8, tzinfo=UTC), date(2025, 11, 2)),
        ("Pacific/Kiritimati", datetime(2024, 12, 30, 13, tzinfo=UTC), date(2024, 12, 31)),
    ],
)
def test_the_business_date_is_the_intervals_start_in_the_business_zone(load_dag_file, zone, start, expected):
    assert load_dag_file(zone).business_date(scheduled(start)) == expected


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Vladivostok", "Europe/Berlin", "Australia/Lord_Howe"])
def test_every_day_of_a_year_has_one_run_also_when_the_clocks_change(load_dag_file, zone):
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import DataInterval, TimeRestriction

    module = load_dag_file(zone)
    timetable = coerce_to_core_timetable(module.dag.timetable)
    restriction = TimeRestriction(module.dag.start_date, None, catchup=True)
    interval: DataInterval | None = None
    dates = []
    for _ in range(366):
        info = timetable.next_dagrun_info(last_automated_data_interval=interval, restriction=restriction)
        interval = info.data_interval
        dates.append(module.business_date(scheduled(interval.start)))
    assert dates == [dates[0] + timedelta(days=n) for n in range(366)]


def test_a_run_by_hand_needs_a_date_and_takes_it(load_dag_file):
    module = load_dag_file()
    assert module.business_date(scheduled(None, "manual", "2025-02-03")) == date(2025, 2, 3)
    for start in (None, datetime(2025, 6, 1, tzinfo=UTC)):
        with pytest.raises(LoyaltyError, match="started by hand without a date"):
            module.business_date(scheduled(start, "manual"))


def test_a_task_makes_the_tables_of_a_layer_and_the_batches_are_judged_before_anything_is_built(load_dag_file):
    dag = load_dag_file().dag
    order = ["await_extracts", "open_night", *LAYERS, "commit", "publish_warehouse", "export_campaigns", "finish"]
    for before, after in pairwise(order):
        assert before in dag.get_task(after).upstream_task_ids
    assert {*dag.task_ids} == {*order, "write_report"}
    assert set(tables_by_task()["staging"]) == set(sources())
    assert tables_by_task()["facts"][0] == GATE


def test_every_table_is_made_once_and_after_what_it_reads():
    made = [name for names in tables_by_task().values() for name in names]
    assert sorted(made) == sorted(name for name, table in tables().items() if table.kind != "split")
    for position, name in enumerate(made):
        read = {tables()[i].inputs[0] if tables()[i].kind == "split" else i for i in tables()[name].inputs}
        assert read <= set(made[:position]), name


def test_nobody_sees_anything_before_the_commit(load_dag_file):
    dag = load_dag_file().dag
    for task_id in ("publish_warehouse", "export_campaigns", "write_report"):
        assert "commit" in {task.task_id for task in dag.task_dict[task_id].get_flat_relatives(upstream=True)}
    assert not dag.catchup


def test_bad_data_fails_without_retries_and_other_trouble_is_tried_again(load_dag_file):
    from airflow.sdk.exceptions import AirflowFailException

    module = load_dag_file()
    assert {task.retries for task in module.dag.tasks} == {2}

    def bad() -> None:
        raise BadDataError("receipts.csv: broken")

    def unlucky() -> None:
        raise OSError("disk")

    with pytest.raises(AirflowFailException, match=r"receipts\.csv: broken"):
        module.fail_without_retry(bad)
    with pytest.raises(OSError, match="disk"):
        module.fail_without_retry(unlucky)


def test_nobody_is_told_anything_unless_a_connection_is_named(load_dag_file, monkeypatch):
    dag = load_dag_file().dag
    assert not dag.deadline
    assert all(not task.on_failure_callback and not task.on_success_callback for task in dag.tasks)
    monkeypatch.setenv("LOYALTY_NOTIFY_CONNECTION", "night")
    monkeypatch.setenv("LOYALTY_PUBLISH_WITHIN_HOURS", "3")
    dag = load_dag_file().dag
    assert [alert.interval for alert in dag.deadline] == [timedelta(hours=3)]
    assert all(len(task.on_failure_callback) == 1 for task in dag.tasks)
    assert [task.task_id for task in dag.tasks if task.on_success_callback] == ["finish"]


def test_after_the_last_task_people_are_told_what_to_look_at_once_and_only_if_there_is_something(
    load_dag_file, monkeypatch
):
    from pipelines.ops import nightly
    from pipelines.ops.notify import NightNotifier

    sent: list[tuple[str, Any]] = []
    monkeypatch.setattr(NightNotifier, "notify", lambda self, context: sent.append((self.event, self.found)))
    monkeypatch.setenv("LOYALTY_NOTIFY_CONNECTION", "night")
    [tell] = load_dag_file().dag.get_task("finish").on_success_callback
    for found in ([], ["stores: came without rows"]):
        monkeypatch.setattr(nightly, "night_warnings", {date(2025, 6, 1): found}.get)
        tell(scheduled(None, "manual", "2025-06-01"))
    assert sent == [("warned", ["stores: came without rows"])]


def test_extracts_are_assets_that_come_in_and_what_people_see_are_assets_that_go_out(load_dag_file):
    dag = load_dag_file().dag
    inlets = {asset.name: task.task_id for task in dag.tasks for asset in task.inlets}
    assert inlets == {f"loyalty_extract_{name}": "staging" for name in sources()}
    outlets = {task.task_id: [asset.name for asset in task.outlets] for task in dag.tasks if task.outlets}
    assert outlets == {
        "publish_warehouse": ["loyalty_warehouse"],
        "export_campaigns": ["loyalty_exports"],
        "write_report": ["loyalty_reports"],
    }


def test_an_asset_is_the_same_wherever_the_home_is(load_dag_file, monkeypatch, tmp_path):
    def uris() -> set[str]:
        return {asset.uri for task in load_dag_file().dag.tasks for asset in (*task.inlets, *task.outlets)}

    before = uris()
    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path / "moved"))
    assert uris() == before


def test_a_night_waits_while_another_run_works_in_the_home(load_dag_file, tmp_path):
    opened = load_dag_file().dag.get_task("open_night")
    (tmp_path / "home").mkdir()
    context = scheduled(None, "manual", "2025-06-01") | {"run_id": "scheduled"}
    with (tmp_path / "home" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert opened.poke(context) is False
    with pytest.raises(Exception, match="no such landing folder"):
        opened.poke(context)


def of_run(
    run_type: str, run_id: str, home: Path, on: tuple[str, ...] = (), earlier: str | None = None
) -> dict[str, Any]:
    """The context of a run beside others: the runs that are running, and one of an earlier interval that is."""

    def count(dag_id: str, run_ids: list[str], states: list[str]) -> int:
        assert (dag_id, states) == ("loyalty_nightly", ["running"])
        with (home / ".lock").open("w") as lock, pytest.raises(BlockingIOError):  # so that nobody begins meanwhile
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return len(set(run_ids) & set(on))

    before = SimpleNamespace(run_id=earlier) if earlier else None
    ti = SimpleNamespace(get_dr_count=count, get_previous_dagrun=lambda state: before)
    start = datetime(2025, 5, 1, 12, tzinfo=UTC)
    context = scheduled(start, run_type, "2025-05-01" if run_type == "manual" else None)
    return context | {"logical_date": start, "run_id": run_id, "ti": ti}


@pytest.fixture
def open_night(tmp_path: Path) -> Path:
    """A home with a night that the run `tonight` began."""
    draft = tmp_path / "home" / "lake" / "drafts" / "2025-06-01"
    draft.mkdir(parents=True)
    (draft / "run.json").write_text('{"run_id": "tonight", "token": "x"}')
    return tmp_path / "home"


@pytest.mark.parametrize("run_type", ["scheduled", "backfill", "manual"])
@pytest.mark.parametrize(("on", "earlier"), [(("tonight",), None), ((), "earlier"), ((), None)])
def test_a_night_waits_for_the_one_that_is_on_and_a_persons_for_none_that_only_waits(
    load_dag_file, open_night, run_type, on, earlier
):
    opened = load_dag_file().dag.get_task("open_night")
    context = of_run(run_type, "mine", open_night, on, earlier)
    if on or (earlier and run_type != "manual"):
        assert opened.poke(context) is False
        return
    with pytest.raises(Exception, match="no such landing folder"):  # it begins
        opened.poke(context)


def test_a_night_that_was_cleared_begins_again_before_all_others(load_dag_file, open_night):
    opened = load_dag_file().dag.get_task("open_night")
    with pytest.raises(Exception, match="no such landing folder"):
        opened.poke(of_run("scheduled", "tonight", open_night, ("tonight",), "earlier"))


@pytest.mark.parametrize("first", ["scheduled", "manual"])
def test_of_two_runs_that_are_triggered_at_once_the_second_waits_until_the_first_is_through(
    load_dag_file, retailer, first
):
    from pipelines.store.lake import Lake

    retailer.deliver("2025-05-01")
    opened = load_dag_file("America/New_York").dag.get_task("open_night")
    runs = ("one", "two")
    assert opened.poke(of_run(first, "one", retailer.home, runs)) is True
    assert opened.poke(of_run("manual", "two", retailer.home, runs)) is False
    assert Lake(retailer.home).open_runs() == ["one"]
    assert opened.poke(of_run("manual", "two", retailer.home, ("two",))) is True  # the first has failed
    assert Lake(retailer.home).open_runs() == ["two"]


def test_a_night_that_waits_for_its_folder_keeps_no_other_from_beginning(load_dag_file):
    assert load_dag_file().dag.max_active_runs > 1


def test_a_mistyped_home_is_named_and_not_made(load_dag_file, tmp_path):
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException, match=f"there is no home {tmp_path}/home"):
        load_dag_file().dag.get_task("open_night").poke(of_run("scheduled", "mine", tmp_path))
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_date_that_no_night_can_have_is_refused(load_dag_file, day):
    with pytest.raises(LoyaltyError, match="nights are from 1970-01-01 to 2199-12-31"):
        load_dag_file().business_date(scheduled(None, "manual", day))


def test_a_scheduled_night_waits_for_its_folder_and_one_that_a_person_starts_does_not(load_dag_file):
    from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

    task = load_dag_file().dag.get_task("await_extracts")
    task.execute(scheduled(None, "manual", "2025-06-01"))
    task.execute(scheduled(datetime(2025, 6, 1, 3, tzinfo=UTC), "backfill"))
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(scheduled(datetime(2025, 6, 1, 3, tzinfo=UTC)))
    assert deferred.value.trigger.folder.endswith("/landing/2025-06-01")
    assert "receipts" in deferred.value.trigger.required
    task.go_on({}, None)
    with pytest.raises(AirflowFailException, match="receipts never came"):
        task.go_on({}, "receipts never came")


@pytest.mark.parametrize(
    ("run_type", "given", "expected"),
    [
        ("scheduled", None, True),
        ("manual", None, True),
        ("backfill", None, False),
        ("backfill", True, True),
        ("manual", False, False),
        ("scheduled", False, False),
    ],
)
def test_lists_leave_unless_the_run_says_otherwise_or_is_a_backfills(
    load_dag_file, retailer, monkeypatch, run_type, given, expected
):
    from pipelines.store.lake import Lake

    retailer.deliver("2025-05-01")
    context = of_run(run_type, "mine", retailer.home)
    context["params"]["deliver"] = given
    module = load_dag_file("America/New_York")
    assert module.dag.get_task("open_night").poke(context) is True
    assert Lake(retailer.home).night(date(2025, 5, 1), "mine").delivers is expected


def test_a_run_says_whether_its_lists_leave_only_if_somebody_wants_it(load_dag_file):
    param = load_dag_file().dag.params.get_param("deliver")
    assert param.resolve(None) is None
    assert param.resolve(False) is False
    with pytest.raises(Exception, match="'never' is not of type"):
        param.resolve("never")

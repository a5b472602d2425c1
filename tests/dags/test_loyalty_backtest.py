"""The weekly backtest: which night it looks at, and what fails without retries."""

import importlib.util
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest

from pipelines.backtests import run as backtest
from pipelines.errors import LoyaltyError
from pipelines.settings import ROOT, load_settings
from pipelines.store.manifest import Backtest


@pytest.fixture
def module(monkeypatch, tmp_path):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOYALTY_TIMEZONE", "Asia/Vladivostok")
    load_settings.cache_clear()
    spec = importlib.util.spec_from_file_location("loyalty_backtest", ROOT / "dags" / "loyalty_backtest.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    yield loaded
    load_settings.cache_clear()


def context(end=None, run_type="scheduled", run_date=None):
    return {
        "params": {"run_date": run_date},
        "data_interval_end": end,
        "dag_run": SimpleNamespace(run_type=run_type),
    }


def test_a_scheduled_run_looks_at_the_day_before_its_interval_ends_in_the_business_zone(module):
    # Sunday 23:00 UTC is Monday 09:00 in Vladivostok.
    assert module.last_day(context(datetime(2025, 6, 1, 23, tzinfo=UTC))) == date(2025, 6, 1)


def test_runs_are_a_week_apart_and_look_at_sundays(module):
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    timetable = coerce_to_core_timetable(module.dag.timetable)
    restriction = TimeRestriction(module.dag.start_date, None, catchup=True)
    interval, days = None, []
    for _ in range(60):
        interval = timetable.next_dagrun_info(
            last_automated_data_interval=interval, restriction=restriction
        ).data_interval
        days.append(module.last_day(context(interval.end)))
    assert days == [days[0] + timedelta(weeks=n) for n in range(60)]
    assert days[0].isoweekday() == 7


def test_a_run_by_hand_needs_a_date_and_takes_it(module):
    assert module.last_day(context(None, "manual", "2025-02-03")) == date(2025, 2, 3)
    for end in (None, datetime(2025, 6, 1, tzinfo=UTC)):
        with pytest.raises(LoyaltyError, match="started by hand without a date"):
            module.last_day(context(end, "manual"))


def test_a_scheduled_run_takes_the_last_night_that_there_is_and_one_by_hand_that_very_night(module, monkeypatch):
    asked = []

    def fake(_lake, day, or_before=False):
        asked.append((day, or_before))
        return date(2025, 5, 30)

    monkeypatch.setattr(backtest, "committed_night", fake)
    empty = Backtest(run_date=date(2025, 5, 30), code_version="x", tables={"backtest": [], "backtest_quality": []})
    monkeypatch.setattr(backtest, "run_backtest", lambda *_: empty)
    (task,) = module.dag.tasks
    task.execute(context(datetime(2025, 6, 1, 23, tzinfo=UTC)))
    task.execute(context(None, "manual", "2025-05-30"))
    assert asked == [(date(2025, 6, 1), True), (date(2025, 5, 30), False)]


def test_a_night_that_was_never_run_fails_without_retries(module):
    from airflow.sdk.exceptions import AirflowFailException

    (task,) = module.dag.tasks
    with pytest.raises(AirflowFailException, match="night 2025-02-03 was never run"):
        task.execute(context(None, "manual", "2025-02-03"))

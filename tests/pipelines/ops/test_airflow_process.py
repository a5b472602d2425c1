"""A night without a scheduler: what a failure says."""

from contextlib import contextmanager
from datetime import date
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from pipelines.errors import BadDataError
from pipelines.ops import airflow_process, cli, nightly
from pipelines.settings import load_settings


@pytest.fixture
def dag():
    """A DAG of one task, which fails."""
    yield SimpleNamespace(tasks=[SimpleNamespace(task_id="publish_warehouse", state="failed")])
    nightly.failures.clear()


def fails(dag, because):
    def test(**_):
        because()
        return SimpleNamespace(state="failed", get_task_instances=lambda: dag.tasks)

    dag.test = test
    assert cli._run_night(dag, date(2017, 12, 1), []) is False


def test_what_goes_wrong_within_airflow_is_said_and_what_our_steps_say_is_said_once(dag, capsys):
    def in_airflow():
        airflow_process.note_failure({"exception": RuntimeError("asset loyalty_warehouse is inactive")})

    def in_a_step():
        cause = BadDataError("receipts.csv: broken")
        nightly.failures.append(cause)
        reported = RuntimeError("receipts.csv: broken")
        reported.__cause__ = cause
        airflow_process.note_failure({"exception": reported})

    fails(dag, in_airflow)
    assert "Error: asset loyalty_warehouse is inactive" in capsys.readouterr().err
    fails(dag, in_a_step)
    assert capsys.readouterr().err.count("receipts.csv: broken") == 1
    fails(dag, lambda: None)
    assert "Error: Airflow could not run publish_warehouse, and gave no reason." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "delivering"),
    [
        (["--from", "2017-12-01", "--to", "2017-12-03"], [False, False, True]),
        (["--from", "2017-12-01", "--to", "2017-12-03", "--deliver-each"], [True, True, True]),
        (["--date", "2017-12-01"], [True]),
    ],
    ids=["several", "each", "one"],
)
def test_of_several_nights_only_the_last_sends_its_lists_unless_each_is_to(tmp_path, monkeypatch, options, delivering):
    from pipelines.ops import terminal
    from pipelines.publishing import run_summary

    (tmp_path / "landing").mkdir()
    given, summed = [], []

    def test(*, logical_date, run_conf):
        given.append((run_conf["run_date"], run_conf["deliver"]))
        return SimpleNamespace(state="success")

    @contextmanager
    def nightly_dag(_):
        yield SimpleNamespace(tasks=[], test=test)

    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path))
    monkeypatch.setattr(airflow_process, "nightly_dag", nightly_dag)
    for name in ("outlast_readers", "end_at_once_on_signals"):
        monkeypatch.setattr(terminal, name, lambda *_: None)
    monkeypatch.setattr(run_summary, "print_summary", lambda *_, delivers, **__: summed.append(delivers))
    load_settings.cache_clear()
    done = CliRunner().invoke(cli.app, ["run", *options, "--home", str(tmp_path)])
    load_settings.cache_clear()
    assert (done.exit_code, done.exception) == (0, None)
    assert given == [(f"2017-12-0{n}", each) for n, each in enumerate(delivering, 1)]
    assert summed == delivering

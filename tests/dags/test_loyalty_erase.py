"""The erasure's DAG: it hands its parameters on, and fails when something is left."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.errors import LoyaltyError
from pipelines.privacy import erase
from pipelines.settings import ROOT, load_settings


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Run the task for an outcome, or an error, of the erasure; returns what it was asked for."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path / "home"))
    load_settings.cache_clear()
    spec = importlib.util.spec_from_file_location("loyalty_erase", ROOT / "dags" / "loyalty_erase.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def execute(outcome):
        asked = {}

        def fake(customer, settings, **options):
            asked.update(options, customer=customer)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr(erase, "erase", fake)
        (task,) = module.dag.tasks
        task.execute({"params": {"customer_id": "12", "discard_night": False}})
        return asked

    yield SimpleNamespace(execute=execute, airflow_home=tmp_path / "airflow")
    load_settings.cache_clear()


def test_the_parameters_are_handed_on_and_airflows_own_files_are_not_searched(run):
    outcome = erase.Outcome(["12"], {}, 0, files_searched=1)
    assert run.execute(outcome) == {"customer": "12", "discard_open": False, "not_searched": (run.airflow_home,)}


@pytest.mark.parametrize(
    "outcome",
    [LoyaltyError("no customer 12"), erase.Outcome(["12"], {}, 0, None, 1, (erase.Find(Path("x"), "there"),))],
)
def test_what_went_wrong_fails_without_retries(run, outcome):
    from airflow.sdk.exceptions import AirflowFailException

    with pytest.raises(AirflowFailException):
        run.execute(outcome)

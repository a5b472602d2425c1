"""Approvals: each list that waits is a question to a person, and what they approve is sent, and nothing else."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from held_home import HeldHome

from pipelines.errors import HomeBusyError
from pipelines.settings import ROOT, load_settings

FIRST, SECOND = "2025-03-01", "2025-03-02"
WHY = "it needs approval before its first sending"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "dags" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HeldHome]:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "airflow"))
    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path / "home"))
    load_settings.cache_clear()
    yield HeldHome(load_settings())
    load_settings.cache_clear()


def sent(held: HeldHome) -> list[str]:
    return sorted(path.parent.name for path in (held.settings.home / "exports").rglob("email.csv"))


def release(module: ModuleType, campaign_id: str, number: int) -> None:
    module.Release(task_id="release", campaign_id=campaign_id, number=number).execute(context={})


def test_it_begins_when_a_night_has_sent_its_lists(held):
    exports = load("loyalty_nightly").EXPORTS
    dag = load("loyalty_approval").dag
    assert [(asset.name, asset.uri) for asset in dag.timetable.asset_condition.objects] == [(exports.name, exports.uri)]


def test_each_campaign_has_a_question_of_its_own_and_no_task_of_the_night_waits(held):
    dag = load("loyalty_approval").dag
    ask, send = dag.get_task("campaign.ask"), dag.get_task("campaign.release")
    assert (ask.options, ask.defaults, ask.multiple) == (["Approve", "Reject"], ["Reject"], False)
    assert "campaign.release" in ask.downstream_task_ids
    assert all(task.get_closest_mapped_task_group().group_id == "campaign" for task in (ask, send))
    assert send.trigger_rule == "all_success"
    nightly = load("loyalty_nightly").dag
    assert [task.task_id for task in nightly.tasks if hasattr(task, "response_timeout")] == []


def test_what_waits_is_asked_about_with_counts_and_reason_and_without_personal_data(held):
    held.night(FIRST, vip=WHY)
    numbers = {name: made.number for name, made in held.night(SECOND, vip=WHY, win_back="a price", best=None).items()}
    found = load("loyalty_approval").FindWaiting(task_id="find_waiting").execute(context={})
    body = "* email to unisender: 1,200 on the list, 3 leave the tool\n\nIt waits because {}."
    assert found == [
        {
            "campaign_id": name,
            "number": numbers[name],
            "subject": f"Send the list of campaign {name} of night {SECOND}?",
            "body": body.format(why),
        }
        for name, why in (("vip", WHY), ("win_back", "a price"))
    ]


def test_if_nothing_waits_nobody_is_asked(held):
    held.night(FIRST, vip=None)
    with pytest.raises(AirflowSkipException):
        load("loyalty_approval").FindWaiting(task_id="find_waiting").execute(context={})


def test_what_is_approved_is_sent_and_the_others_wait(held):
    made = held.night(FIRST, vip=WHY, win_back=WHY)
    release(load("loyalty_approval"), "vip", made["vip"].number)
    assert sent(held) == ["vip"]


def test_an_answer_about_an_earlier_list_sends_nothing(held):
    asked = held.night(FIRST, vip=WHY)["vip"]
    held.night(SECOND, vip=WHY)
    with pytest.raises(AirflowFailException, match="waits no longer"):
        release(load("loyalty_approval"), "vip", asked.number)
    assert sent(held) == []


def test_while_the_night_is_not_finished_it_is_tried_again(held):
    made = held.night(FIRST, vip=WHY)["vip"]
    night = held.lake.open_night(held.lake.nights()[0], "again")
    with pytest.raises(HomeBusyError):
        release(load("loyalty_approval"), "vip", made.number)
    night.finish()
    release(load("loyalty_approval"), "vip", made.number)
    assert sent(held) == ["vip"]
    assert load("loyalty_approval").dag.get_task("campaign.release").retries > 0

"""When a night's landing folder is complete."""

import asyncio

import pytest

from pipelines.ops import landing_trigger as landing
from pipelines.ops.landing_trigger import LandingTrigger

REQUIRED = ["crm_customers", "receipts"]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "2017-12-01"
    folder.mkdir()
    return folder


def wait(folder, monkeypatch, between=lambda look: None, marker=None, looks=4):
    """The trigger's event, and how often it slept; `between` is called instead of sleeping."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)
        between(len(slept))

    monkeypatch.setattr(landing.asyncio, "sleep", sleep)

    async def first():
        trigger = LandingTrigger(str(folder), marker, REQUIRED, 60, looks)
        return (await anext(trigger.run())).payload

    return asyncio.new_event_loop().run_until_complete(first()), len(slept)


def deliver(folder, *sources):
    for source in sources:
        (folder / f"{source}.csv").write_text("id\n")


def test_a_folder_in_which_nothing_changes_between_two_looks_is_complete(folder, monkeypatch):
    deliver(folder, *REQUIRED)
    assert wait(folder, monkeypatch) == (None, 1)


def test_a_file_that_grows_is_waited_for(folder, monkeypatch):
    deliver(folder, *REQUIRED)

    def grow(look):
        if look < 3:
            with (folder / "receipts.csv").open("a") as file:
                file.write("more\n")

    assert wait(folder, monkeypatch, grow) == (None, 3)


def test_a_required_source_is_waited_for_and_named_if_it_never_comes(folder, monkeypatch):
    deliver(folder, "crm_customers")
    assert wait(folder, monkeypatch, lambda look: deliver(folder, "receipts") if look == 2 else None) == (None, 3)
    (folder / "receipts.csv").unlink()
    event, looks = wait(folder, monkeypatch)
    assert looks == 4
    assert "receipts never came" in event
    assert "Deliver the extracts, then clear this task" in event


def test_a_folder_that_never_comes_is_named(tmp_path, monkeypatch):
    event, _ = wait(tmp_path / "2017-12-02", monkeypatch)
    assert f"the folder {tmp_path / '2017-12-02'} never came" in event


def test_a_file_that_never_stops_growing_is_named(folder, monkeypatch):
    deliver(folder, *REQUIRED)

    def grow(look):
        (folder / "receipts.csv").write_text("x" * look)

    assert "still changing: receipts.csv" in wait(folder, monkeypatch, grow)[0]


def test_a_marker_says_that_all_is_there_at_once(folder, monkeypatch):
    deliver(folder, *REQUIRED)
    assert "the marker" in wait(folder, monkeypatch, marker="_SUCCESS")[0]
    (folder / "_SUCCESS").touch()
    assert wait(folder, monkeypatch, marker="_SUCCESS") == (None, 0)


def test_a_source_that_is_there_twice_is_left_for_the_night_to_say(folder, monkeypatch):
    deliver(folder, *REQUIRED)
    (folder / "receipts.parquet").touch()
    assert wait(folder, monkeypatch) == (None, 1)


def test_a_trigger_travels_as_text():
    path, arguments = LandingTrigger("/landing/2017-12-01", None, REQUIRED, 60, 4).serialize()
    assert path == "pipelines.ops.landing_trigger.LandingTrigger"
    assert LandingTrigger(**arguments).serialize() == (path, arguments)

"""What was sent is what exports/ has: files of a delivery are there or gone."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.errors import LoyaltyError
from pipelines.store.deliveries import Deliveries, Delivery, DeliveryNote, check_can_send

NIGHT = date(2025, 6, 30)


@pytest.fixture
def deliveries(tmp_path: Path) -> Deliveries:
    return Deliveries(tmp_path / "lake" / "deliveries")


def add(deliveries: Deliveries, held: str | None = None, campaign_id: str = "win_back") -> Delivery:
    folder = deliveries.new_folder(campaign_id)
    (folder / "members.parquet").write_bytes(b"")
    (folder / "files").mkdir()
    (folder / "files" / "email.csv").write_text("email\n")
    return deliveries.add(folder, DeliveryNote(campaign_id=campaign_id, run_date=NIGHT, held=held))


def numbers(deliveries: Deliveries, campaign_id: str = "win_back") -> list[int]:
    return [delivery.number for delivery in deliveries.of(campaign_id)]


def test_a_delivery_is_sent_when_its_files_are_gone(deliveries: Deliveries, tmp_path: Path):
    delivery = add(deliveries)
    assert not delivery.is_sent
    assert deliveries.last_sent("win_back") is None
    (tmp_path / "exports" / "2025-06-30").mkdir(parents=True)
    deliveries.send(delivery, tmp_path / "exports" / "2025-06-30" / "win_back")
    assert delivery.is_sent
    assert deliveries.last_sent("win_back") == delivery
    assert (tmp_path / "exports" / "2025-06-30" / "win_back" / "email.csv").read_text() == "email\n"


def test_what_may_have_been_fetched_is_never_replaced(deliveries: Deliveries, tmp_path: Path):
    deliveries.send(add(deliveries), tmp_path / "exports")
    second = add(deliveries)
    with pytest.raises(OSError, match="not empty"):
        deliveries.send(second, tmp_path / "exports")
    assert not second.is_sent


def test_numbers_grow_and_are_sorted_as_numbers(deliveries: Deliveries):
    for _ in range(11):
        add(deliveries)
    assert numbers(deliveries) == list(range(1, 12))


def test_unsent_ones_that_nobody_keeps_are_discarded_with_what_was_never_finished(deliveries: Deliveries, tmp_path):
    deliveries.send(add(deliveries), tmp_path / "sent")
    add(deliveries)
    held = add(deliveries, held="a third of the list is new")
    deliveries.new_folder("win_back")
    (deliveries.root / "win_back" / ".hold.0123abcd").touch()  # of a person's hold that was killed
    deliveries.discard("win_back", kept={held.number})
    assert numbers(deliveries) == [1, 3]
    assert [path.name for path in sorted((tmp_path / "lake" / "deliveries" / "win_back").iterdir())] == ["1", "3"]


def test_only_the_latest_waits_for_a_person(deliveries: Deliveries):
    add(deliveries, held="alarm")
    assert deliveries.waiting("win_back").number == 1
    add(deliveries)
    assert deliveries.waiting("win_back") is None
    assert deliveries.waiting("unknown") is None


def test_the_last_two_that_were_sent_stay_and_earlier_ones_go(deliveries: Deliveries, tmp_path: Path):
    for number in range(3):
        deliveries.send(add(deliveries), tmp_path / f"sent{number}")
    add(deliveries, held="alarm")
    deliveries.forget_old("win_back")
    assert numbers(deliveries) == [2, 3, 4]


def test_a_later_sending_takes_the_place_of_one_that_waited(deliveries: Deliveries, tmp_path: Path):
    add(deliveries, held="alarm")
    deliveries.send(add(deliveries), tmp_path / "sent")
    deliveries.forget_old("win_back")
    assert numbers(deliveries) == [2]


def test_the_note_says_what_a_delivery_is(deliveries: Deliveries):
    add(deliveries, held="alarm")
    [delivery] = Deliveries(deliveries.root).all()
    assert delivery.note == DeliveryNote(campaign_id="win_back", run_date=NIGHT, held="alarm")


def test_a_delivery_whose_removal_broke_off_never_looks_sent(deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch):
    add(deliveries)

    def killed(path: Path) -> None:
        raise KeyboardInterrupt(path)

    monkeypatch.setattr("pipelines.store.deliveries.shutil.rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        deliveries.discard("win_back", kept=set())
    assert (numbers(deliveries), deliveries.last_sent("win_back")) == ([], None)
    monkeypatch.undo()
    deliveries.discard("win_back", kept=set())
    assert [*(deliveries.root / "win_back").iterdir()] == []


def test_a_person_holds_a_campaign_back_until_it_is_let_go_also_one_without_deliveries(deliveries: Deliveries):
    deliveries.hold("other", "legal looks at it")
    add(deliveries)
    assert (deliveries.held_by_person(), deliveries.campaigns()) == (
        {"other": "legal looks at it"},
        ["other", "win_back"],
    )
    assert [deliveries.let_go(name) for name in ("win_back", "other", "other")] == [False, True, False]
    assert deliveries.held_by_person() == {}


def test_exports_on_another_file_system_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    exports = tmp_path / "exports"
    exports.mkdir()
    check_can_send(tmp_path, exports)
    stat = Path.stat

    def elsewhere(path: Path, **options: bool) -> object:
        found = stat(path, **options)
        return SimpleNamespace(st_dev=found.st_dev + 1) if path == exports else found

    monkeypatch.setattr(Path, "stat", elsewhere)
    with pytest.raises(LoyaltyError, match="is on another file system than"):
        check_can_send(tmp_path, exports)

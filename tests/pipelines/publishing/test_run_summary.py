"""What the command line prints of a night and of a home."""

from datetime import date
from pathlib import Path

import duckdb
import pytest
from nights import make_steps

from pipelines.contracts import sources
from pipelines.errors import BadDataError, LoyaltyError
from pipelines.ops import nightly
from pipelines.publishing.run_summary import print_rejected, print_status, print_summary
from pipelines.store.lake import Lake

FIRST, SECOND = "2025-06-30", "2025-07-01"
RECEIPTS = "receipt_id,issued_at,total_amount"


def day(night: str) -> date:
    return date.fromisoformat(night)


def loaded(retailer, *nights: str):
    """Nights of a customer and two receipts, of which one is rejected."""
    for night in nights:
        retailer.deliver(
            night,
            crm_customers="customer_id,registered_at\nc1,2025-01-01",
            receipts=f"{RECEIPTS}\nr1,{night}T12:00:00,5\nr2,{night}T12:00:00,?",
        )
        retailer.load(night)


def publish(home: Path, night: str) -> None:
    """A warehouse with what the summary counts: two customers, one of them in two segments, nobody on a list."""
    path = home / f"warehouse.{night}.duckdb"
    with duckdb.connect(str(path)) as warehouse:
        warehouse.execute("CREATE TABLE customer_360 AS SELECT UNNEST(['c1', 'c2']) AS customer_id")
        warehouse.execute("CREATE TABLE customer_segment AS SELECT 'c1' AS customer_id, UNNEST(['a', 'b']) AS segment")
        warehouse.execute("CREATE TABLE campaign_list AS SELECT 'c1' AS customer_id WHERE FALSE")
    (home / "warehouse.duckdb").hardlink_to(path)


# --- a night's end ---


def test_a_nights_rows_are_printed_by_source_and_what_did_not_come_is_named(retailer, capsys):
    loaded(retailer, FIRST)
    print_summary(retailer.settings, day(FIRST), 1.25, is_last=False)
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["source", "read", "loaded", "rejected", "duplicate", "superseded"]
    assert ["receipts", "2", "1", "1", "0", "0"] in [line.split() for line in said]
    assert said[6].startswith("  not delivered tonight: campaign_members, campaigns, ")
    assert said[7].startswith("  look at: receipts: 1 of 2 rows rejected; ")


def test_a_published_night_says_so_and_where_its_results_are(retailer, capsys):
    loaded(retailer, FIRST)
    publish(retailer.home, FIRST)
    print_summary(retailer.settings, day(FIRST), 1.25, is_last=True)
    said = capsys.readouterr().out
    assert f"Night {FIRST} is published, in 1.2 s.\n" in said
    assert "\n2 customers in 2 segments; 0 entries on tonight's campaign lists.\n" in said
    assert f"  report     {retailer.home}/reports/{FIRST}/index.html\n" in said


def test_a_night_that_may_send_nothing_says_that_its_lists_did_not_leave(retailer, capsys):
    loaded(retailer, FIRST)
    publish(retailer.home, FIRST)
    print_summary(retailer.settings, day(FIRST), 1.25, is_last=False, delivers=False)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"Night {FIRST} is published, in 1.2 s.",
        "  its lists did not leave: of several nights only the last sends; --deliver-each lets each send",
    ]


def test_an_old_night_says_that_the_warehouse_stays_and_only_the_last_of_several_says_where(retailer, capsys):
    loaded(retailer, FIRST)
    publish(retailer.home, SECOND)
    print_summary(retailer.settings, day(FIRST), 1.25, is_last=False)
    said = capsys.readouterr().out
    assert said.endswith(f"Night {FIRST} is built, in 1.2 s. The warehouse stays that of {SECOND}; nothing was sent.\n")


def test_a_path_is_printed_as_one_would_type_it(retailer, capsys, monkeypatch):
    loaded(retailer, FIRST)
    publish(retailer.home, FIRST)
    monkeypatch.chdir(retailer.home.parent)
    print_summary(retailer.settings, day(FIRST), 1.25, is_last=True)
    assert "  warehouse  home/warehouse.duckdb\n" in capsys.readouterr().out
    (home := retailer.home.parent / "our home").symlink_to(retailer.home)
    settings = retailer.settings.model_copy(update={"home": home})
    print_summary(settings, day(FIRST), 1.25, is_last=True)
    said = capsys.readouterr().out
    assert ".venv/bin/loyalty status --home 'our home'\n" in said
    assert f"xdg-open 'our home/reports/{FIRST}/index.html'\n" in said


# --- a home ---


def test_a_home_without_a_night_says_where_extracts_go(retailer, capsys):
    print_status(retailer.settings)
    assert capsys.readouterr().out == (
        f"Home {retailer.home}: time zone America/New_York, currency USD\n"
        f"  no night yet. Landing folders: {retailer.home}/landing\n"
    )


def test_a_homes_nights_are_printed_with_their_state_and_folders_that_wait(retailer, capsys):
    loaded(retailer, FIRST, SECOND)
    publish(retailer.home, SECOND)
    retailer.deliver(FIRST, receipts=f"{RECEIPTS}\nr3,{FIRST}T12:00:00,5")
    retailer.load(FIRST)
    for night in ("2025-06-29", "2025-07-02"):
        retailer.deliver(night)
    print_status(retailer.settings)
    assert capsys.readouterr().out.splitlines()[1:] == [
        "  night       rows read  rejected                                              state",
        "  2025-06-30          1         0                                              built",
        "  2025-07-01          3         1  published; run it again, an earlier night changed",
        "  next landing folders: 2025-07-02",
        "  never loaded: 2025-06-29",
    ]


# --- rejected rows ---


def test_rejected_rows_are_printed_as_they_came_up_to_the_limit(retailer, capsys):
    retailer.deliver(FIRST, receipts=f"{RECEIPTS}\nr1,{FIRST}T12:00:00,?\nr2,{FIRST}T12:00:00,!")
    retailer.load(FIRST)
    print_rejected(retailer.settings, day(FIRST), None, 1)
    first, more = capsys.readouterr().out.splitlines()
    assert first.startswith("receipts  receipts.csv  row 1  total_amount")
    assert "?" in first
    assert more == "1 more of 2; --limit shows them."


def test_a_source_without_rejected_rows_says_so(retailer, capsys):
    loaded(retailer, FIRST)
    print_rejected(retailer.settings, day(FIRST), "stores", 20)
    assert capsys.readouterr().out == f"No row was rejected in night {FIRST} of stores.\n"


def test_a_source_or_night_that_nobody_knows_is_an_error(retailer):
    loaded(retailer, FIRST)
    with pytest.raises(LoyaltyError, match=r"no source is named 'shops'\. There are: crm_customers, "):
        print_rejected(retailer.settings, day(FIRST), "shops", 20)
    with pytest.raises(LoyaltyError, match=f"night {SECOND} was never loaded into {retailer.home}; "):
        print_rejected(retailer.settings, day(SECOND), None, 20)


# --- a night that bad data stopped ---


def stopped(retailer) -> None:
    """A first night of eleven receipts, of which ten are rejected, and which is stopped for it."""
    rows = "".join(f"bad{n},{FIRST}T12:00:00,?\n" for n in range(10))
    retailer.deliver(FIRST, receipts=f"{RECEIPTS}\n{rows}r1,{FIRST}T12:00:00,5")
    nightly.open_night(day(FIRST), "run")
    with pytest.raises(BadDataError, match="reject_rate_extreme"):
        make_steps((*sources(), "batch_expectation"), day(FIRST), "run")


def test_rows_rejected_of_other_sources_are_shown_of_a_night_that_was_stopped_while_it_read(retailer, capsys):
    retailer.deliver(FIRST, stores="shop\n1\n", receipts=f"{RECEIPTS}\nr1,{FIRST}T12:00:00,?")
    nightly.open_night(day(FIRST), "run")
    with pytest.raises(BadDataError, match="store_id is missing"):
        nightly.make_layer("staging", day(FIRST), "run")
    for _ in range(2):
        print_rejected(retailer.settings, day(FIRST), None, 20)
        assert capsys.readouterr().out.splitlines() == [
            f"Night {FIRST} was stopped at stores; these rows were rejected until then.",
            f'receipts  receipts.csv  row 1  total_amount_unreadable  ["r1", "{FIRST}T12:00:00", "?"]',
        ]
        retailer.deliver(SECOND)
        retailer.load(SECOND, only=frozenset(sources()))  # of which the draft of the first goes


def test_rejected_rows_of_a_first_night_that_was_stopped_are_shown_also_after_another_night(retailer, capsys):
    stopped(retailer)
    for _ in range(2):
        print_rejected(retailer.settings, day(FIRST), "receipts", 1)
        assert capsys.readouterr().out.splitlines() == [
            f"Night {FIRST} was stopped at batch_expectation; these rows were rejected until then.",
            f'receipts  receipts.csv  row 1  total_amount_unreadable  ["bad0", "{FIRST}T12:00:00", "?"]',
            "9 more of 10; --limit shows them.",
        ]
        print_status(retailer.settings)
        said = capsys.readouterr().out
        assert (
            f"  stopped: {FIRST} at batch_expectation: receipts: expectation reject_rate_extreme is not met: " in said
        )
        loaded(retailer, SECOND)


def test_what_was_kept_of_a_stopped_night_goes_when_it_is_through_and_with_the_nights_of_its_age(retailer):
    lake = Lake(retailer.home)
    stopped(retailer)
    (kept,) = (lake.path(file) for step in lake.stopped.steps() for t in step.tables.values() for file in t.paths())
    loaded(retailer, FIRST)
    lake.collect_garbage()
    assert (lake.stopped.steps(), kept.exists()) == ([], False)
    stopped(retailer)
    lake.stopped.remove(before=day(FIRST))
    assert [step.run_date for step in lake.stopped.steps(day(FIRST))] == [day(FIRST)]
    lake.stopped.remove(before=day(SECOND))
    assert lake.stopped.steps() == []


def test_a_mended_extract_that_is_not_read_again_is_what_stops_the_night_until_it_is(retailer):
    def reasons() -> list[tuple[str, str]]:
        return [(step.step, step.reason) for step in Lake(retailer.home).stopped.steps()]

    stopped(retailer)
    ((_, first),) = reasons()
    with pytest.raises(BadDataError, match="reject_rate_extreme"):
        make_steps(("batch_expectation",), day(FIRST), "run")
    assert reasons() == [("batch_expectation", first)]
    retailer.deliver(FIRST, receipts=f"{RECEIPTS}\nr1,{FIRST}T12:00:00,5")
    message = r"receipts\.csv changed after the night had read receipts\. Run the whole night again"
    with pytest.raises(BadDataError, match=message):
        make_steps(("batch_expectation",), day(FIRST), "run")
    with pytest.raises(BadDataError, match=message):
        nightly.commit(day(FIRST), "run")
    assert [step for step, _ in reasons()] == ["batch_expectation", "commit"]
    make_steps(("receipts", "batch_expectation"), day(FIRST), "run")
    assert [step for step, _ in reasons()] == ["commit"]


def test_accepted_limits_are_in_the_status(retailer, capsys):
    retailer.deliver(FIRST, receipts=RECEIPTS)
    retailer.load(FIRST, accept=["receipts.reject_rate"])
    print_status(retailer.settings)
    assert "accepted: receipts.reject_rate\n" in capsys.readouterr().out

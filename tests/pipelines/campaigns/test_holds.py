"""What holds a list back: nothing surprising leaves before a person has seen it."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from campaign_shop import NIGHT, CampaignShop, campaign, campaigns_of

from pipelines.campaigns.config import AlarmChange
from pipelines.campaigns.holds import calendar_of, hold_reasons, same_day_before, segment_hashes
from pipelines.campaigns.selection import Change
from pipelines.store.deliveries import Delivery

BEFORE = NIGHT - timedelta(1)
USUAL, SMALL = AlarmChange(), AlarmChange(share=0.3, customers=2)


def sent(shop: CampaignShop, **values: Any) -> Delivery:
    """A delivery of a campaign that was sent the night before."""
    (made,) = shop.write(campaign(**values), night=BEFORE)
    return made.delivery


def reasons_of(shop: CampaignShop, alarm: AlarmChange = USUAL, **values: Any) -> list[str]:
    """Why tonight's list of the campaign would wait."""
    lists = shop.lists(campaigns_of(campaign(**values)))
    (found,) = lists.campaigns.campaigns
    return [*hold_reasons(found, shop.deliveries.last_sent("win_back"), lists.changes, alarm, None, None)]


def alarms(
    last: Delivery,
    before: int,
    entered: int = 0,
    left: int = 0,
    reference: dict[str, int] | None = None,
) -> list[str]:
    """Why a list of `before` customers would wait after a change."""
    (found,) = campaigns_of(campaign()).campaigns
    change = Change("win_back", "email", before, before + entered - left, entered, left)
    return [*hold_reasons(found, last, [change], USUAL, None, reference)]


@pytest.mark.parametrize(
    ("before", "moved", "is_held"),
    [
        (1000, 300, False),
        (1000, 301, True),
        (100, 100, False),
        (100, 101, True),
        (10, 100, False),
        (0, 101, True),
        (0, 100, False),
    ],
)
@pytest.mark.parametrize("way", ["entered", "left"])
def test_a_change_of_more_than_30_percent_and_100_customers_waits(
    shop: CampaignShop, before: int, moved: int, is_held: bool, way: str
) -> None:
    assert len(alarms(sent(shop), before, **{way: moved})) == is_held


def test_the_reason_names_what_changed_in_numbers(shop: CampaignShop) -> None:
    assert alarms(sent(shop), 1000, entered=2500, left=400) == [
        "email: of 3,100 customers who can be written to, against 1,000 when a list was sent last, on 2025-03-09, "
        "2,500 are new and 400 are no longer there; allowed are 30% or 100 customers (alarm_change)"
    ]


def test_who_left_and_who_came_are_not_set_off_against_each_other(shop: CampaignShop) -> None:
    for number in range(6):
        shop.customer(f"c{number}", "lapsing")
    sent(shop)
    for number in range(3):
        shop.leave(f"c{number}")
        shop.customer(f"new{number}", "lapsing")
    assert reasons_of(shop, SMALL) == [
        "email: of 6 customers who can be written to, against 6 when a list was sent last, on 2025-03-09, "
        "3 are new and 3 are no longer there; allowed are 30% or 2 customers (alarm_change)"
    ]


def test_a_sending_whose_customers_were_all_written_to_is_no_change(shop: CampaignShop) -> None:
    for number in range(6):
        shop.customer(f"c{number}", "lapsing")
    sent(shop)
    assert reasons_of(shop, SMALL) == []


def test_a_merge_is_no_change(shop: CampaignShop) -> None:
    for number in range(6):
        shop.customer(f"c{number}", "lapsing")
    sent(shop)
    for number in range(4):
        shop.customer(f"p{number}", "lapsing")
        shop.merge(f"c{number}", f"p{number}")
    assert reasons_of(shop, SMALL) == []


def test_lost_consents_are_a_change(shop: CampaignShop) -> None:
    for number in range(6):
        shop.customer(f"c{number}", "lapsing")
    sent(shop)
    shop.consent("email", None, *(f"c{number}" for number in range(3)))
    assert [reason.split(", ")[2] for reason in reasons_of(shop, SMALL)] == ["on 2025-03-09"]


def test_a_channel_that_is_new_in_the_campaign_is_no_change(shop: CampaignShop) -> None:
    for number in range(6):
        shop.customer(f"c{number}", "lapsing")
    sent(shop)
    both = [{"channel": "email", "target": "unisender"}, {"channel": "ads", "target": "meta"}]
    assert reasons_of(shop, SMALL, channels=both) == []


# --- segments that turn over with the calendar ---


@pytest.mark.parametrize(
    ("day", "calendar", "expected"),
    [
        (date(2025, 3, 10), "month", date(2025, 2, 10)),
        (date(2025, 1, 31), "month", date(2024, 12, 31)),
        (date(2025, 3, 31), "month", date(2025, 2, 28)),
        (date(2025, 3, 10), "year", date(2024, 3, 10)),
        (date(2024, 2, 29), "year", date(2023, 2, 28)),
    ],
)
def test_the_same_day_before_is_the_last_of_a_shorter_month(day: date, calendar: str, expected: date) -> None:
    assert same_day_before(day, calendar) == expected


def test_a_segment_says_by_a_comment_that_it_turns_over_with_the_calendar(segments: Path) -> None:
    (found,) = campaigns_of(campaign(segment=["lapsing", "champions"])).campaigns
    assert calendar_of(found) is None
    text = (segments / "champions.sql").read_text()
    (segments / "champions.sql").write_text(f"-- Born this month.\n-- Calendar: month.\n{text}")
    assert calendar_of(found) == "month"


@pytest.mark.parametrize(("count", "is_held"), [(1300, False), (1301, True), (700, False), (699, True)])
def test_a_calendar_segment_is_compared_with_the_same_day_before_in_place_of_the_last_list(
    shop: CampaignShop, count: int, is_held: bool
) -> None:
    last = sent(shop)
    found = alarms(last, before=count, entered=count, left=count, reference={"email": 1000})
    assert found == (
        [
            f"email: {count:,} customers can be written to; on the same day before they were 1,000; "
            "allowed are 30% or 100 customers (alarm_change)"
        ]
        if is_held
        else []
    )


def test_a_calendar_segment_without_a_list_on_the_same_day_before_waits_for_nothing(shop: CampaignShop) -> None:
    assert alarms(sent(shop), before=1000, entered=5000, reference={}) == []


# --- other reasons ---


def test_a_segment_whose_sql_changed_waits_and_one_whose_comments_or_layout_changed_does_not(
    shop: CampaignShop, segments: Path
) -> None:
    sent(shop, exclude="champions")
    (segments / "lapsing.sql").write_text("-- Other words.\nselect   customer_id\nFROM customer_360 /* really */;\n")
    assert reasons_of(shop, exclude="champions") == []
    for name in ("champions", "lapsing"):
        (segments / f"{name}.sql").write_text("SELECT customer_id FROM customer_360 WHERE TRUE\n")
    assert reasons_of(shop, exclude="champions") == [
        f"the SQL of segment {name} is another one than when a list was sent last, on 2025-03-09"
        for name in ("champions", "lapsing")
    ]


def test_a_segment_that_the_campaign_names_anew_is_no_changed_segment(shop: CampaignShop) -> None:
    sent(shop)
    assert reasons_of(shop, segment=["lapsing", "at_risk"]) == []


def test_hashes_are_of_segments_and_of_those_left_out(shop: CampaignShop) -> None:
    (found,) = campaigns_of(campaign(exclude="champions")).campaigns
    assert sent(shop, exclude="champions").note.segments == segment_hashes(found)
    assert segment_hashes(found).keys() == {"lapsing", "champions"}


def test_a_campaign_that_needs_approval_waits_before_its_first_sending_alone(shop: CampaignShop) -> None:
    shop.customer("a", "lapsing")
    assert reasons_of(shop, needs_approval=True) == ["it needs approval before its first sending"]
    assert reasons_of(shop) == []
    shop.write(campaign(needs_approval=True), night=BEFORE, held={"win_back"})
    assert reasons_of(shop, needs_approval=True) == ["it needs approval before its first sending"]
    shop.release()
    assert reasons_of(shop, needs_approval=True) == []


def test_what_a_person_holds_waits_also_before_its_first_sending(shop: CampaignShop) -> None:
    (found,) = campaigns_of(campaign()).campaigns
    for last in (None, sent(shop)):
        reasons = [*hold_reasons(found, last, [], USUAL, "the text is wrong", None)]
        assert reasons == ["a person holds it back: the text is wrong"]

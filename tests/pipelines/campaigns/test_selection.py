"""Who is on which list, who is control, who is left out: each rule with the smallest data that shows it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import yaml

from pipelines.campaigns.config import Campaigns, read_campaigns
from pipelines.campaigns.selection import REASONS, campaign_lists
from pipelines.errors import LoyaltyError
from pipelines.intake.addresses import register_functions
from pipelines.settings import ROOT, Settings

NIGHT = date(2025, 3, 10)
SETTINGS = Settings(control_salt="salt", timezone="Europe/Berlin")
TABLES = """
CREATE SCHEMA history;
CREATE TABLE customer (customer_id VARCHAR, is_deleted BOOLEAN, email_consent BOOLEAN, sms_consent BOOLEAN,
    push_consent BOOLEAN, messenger_consent BOOLEAN, call_consent BOOLEAN, ads_consent BOOLEAN);
CREATE TABLE extract (customer_id VARCHAR, name VARCHAR, email VARCHAR, phone VARCHAR, push_token VARCHAR,
    messenger_id VARCHAR);
CREATE VIEW crm_customers_personal AS
SELECT *, normal_email(email) AS email_normal, normal_phone(phone) AS phone_normal
FROM (SELECT NULLIF(TRIM(COLUMNS(*)), '') FROM extract);
CREATE TABLE customer_identity (source_customer_id VARCHAR, customer_id VARCHAR);
CREATE TABLE customer_segment (customer_id VARCHAR, segment VARCHAR);
CREATE TABLE customer_360 (customer_id VARCHAR, favourite_category VARCHAR, points_balance DECIMAL(18,2));
CREATE TABLE campaigns (campaign_id VARCHAR, starts_on DATE, window_days BIGINT);
CREATE TABLE campaign_members (campaign_id VARCHAR, customer_id VARCHAR, channel VARCHAR, arm VARCHAR,
    assigned_at TIMESTAMPTZ, assigned_date DATE, landing_date DATE);
CREATE TABLE history.campaign_assignment (campaign_id VARCHAR, customer_id VARCHAR, channel VARCHAR, arm VARCHAR,
    assigned_at TIMESTAMPTZ, assigned_date DATE, window_days BIGINT, source VARCHAR);
CREATE TABLE history.campaign_list (campaign_id VARCHAR, channel VARCHAR, target VARCHAR, customer_id VARCHAR);
CREATE TABLE history.crm_customers_personal AS FROM crm_customers_personal;
"""


QUERIES = {
    "campaign_assignment": "FROM lists_assigned",
    "campaign_list": "SELECT campaign_id, channel, target, customer_id FROM lists_listed",
    "members": """SELECT campaign_id, channel, customer_id, arm
        FROM lists_candidate JOIN lists_channel USING (place) WHERE reason IS NULL""",
    "listed": "SELECT * EXCLUDE (place) FROM lists_listed",
    "removals": "FROM lists_removals",
}


@dataclass(frozen=True)
class Lists:
    """A night's lists, taken out of the database; members are those held back as control too."""

    exclusions: pa.Table
    bad_values: pa.Table
    removal_counts: pa.Table
    campaign_assignment: pa.Table
    campaign_list: pa.Table
    members: pa.Table
    listed: pa.Table
    removals: pa.Table


class Shop:
    """A small in-memory night."""

    def __init__(self) -> None:
        self.con = duckdb.connect()
        self.con.execute("SET TimeZone = 'Europe/Berlin'")
        register_functions(self.con, "US")
        self.con.execute(TABLES)

    def customer(self, customer_id: str, *segments: str, is_deleted: bool = False, **values: Any) -> None:
        """A customer who consents to everything and has an e-mail address and a phone, unless told otherwise."""
        number = int(hashlib.md5(customer_id.encode()).hexdigest(), 16) % 10_000
        personal = {
            "name": None,
            "email": f"{customer_id}@example.org",
            "phone": f"+1 201 555 {number:04d}",
            "push_token": f"token-{customer_id}",
            "messenger_id": f"m-{customer_id}",
        }
        consents = dict.fromkeys(("email", "sms", "push", "messenger", "call", "ads"), True)
        consents |= {name.removesuffix("_consent"): value for name, value in values.items() if "consent" in name}
        personal |= {name: value for name, value in values.items() if name in personal}
        self.con.execute(
            "INSERT INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?)", [customer_id, is_deleted, *consents.values()]
        )
        self.con.execute("INSERT INTO extract VALUES (?, ?, ?, ?, ?, ?)", [customer_id, *personal.values()])
        self.con.execute("INSERT INTO customer_360 VALUES (?, 'Tea', 5)", [customer_id])
        for segment in segments:
            self.con.execute("INSERT INTO customer_segment VALUES (?, ?)", [customer_id, segment])

    def leave(self, customer_id: str) -> None:
        self.con.execute("DELETE FROM customer_segment WHERE customer_id = ?", [customer_id])

    def change(self, customer_id: str, **values: str | None) -> None:
        for name, value in values.items():
            self.con.execute(f"UPDATE extract SET {name} = ? WHERE customer_id = ?", [value, customer_id])

    def lists(self, campaigns: Campaigns, night: date = NIGHT, settings: Settings = SETTINGS) -> Lists:
        made = campaign_lists(self.con, campaigns, settings, night)
        tables = {name: self.con.execute(f"{query} ORDER BY ALL").to_arrow_table() for name, query in QUERIES.items()}
        return Lists(
            exclusions=made.exclusions, bad_values=made.bad_values, removal_counts=made.removal_counts, **tables
        )

    def commit(self, lists: Lists) -> None:
        """Store a night's tables, so that the next night finds them as history."""
        for name in ("campaign_assignment", "campaign_list"):
            self.con.register("stored", getattr(lists, name))
            self.con.execute(f"CREATE OR REPLACE TABLE history.{name} AS FROM stored")
            self.con.unregister("stored")
        self.con.execute("CREATE OR REPLACE TABLE history.crm_customers_personal AS FROM crm_customers_personal")


@pytest.fixture
def shop() -> Iterator[Shop]:
    found = Shop()
    yield found
    found.con.close()


def campaign(campaign_id: str = "win_back", **values: Any) -> dict[str, Any]:
    """A campaign of segment 'lapsing' by e-mail without control, unless told otherwise."""
    return {
        "id": campaign_id,
        "name": campaign_id,
        "segment": "lapsing",
        "priority": 1,
        "window_days": 30,
        "control_share": 0,
        "channels": [{"channel": "email", "target": "unisender"}],
    } | values


def config(*campaigns: dict[str, Any], cap: int = 1) -> Campaigns:
    return Campaigns.model_validate({"max_campaigns_per_night": cap, "campaigns": list(campaigns)})


def members(lists: Lists) -> list[tuple[str, str, str, str]]:
    return [tuple(row.values()) for row in lists.members.to_pylist()]


def left_out(lists: Lists) -> dict[tuple[str, str, str], int]:
    """Customers by campaign, channel and reason, reasons without anyone left away."""
    rows = lists.exclusions.to_pylist()
    return {(r["campaign_id"], r["channel"], r["reason"]): r["customer_count"] for r in rows if r["customer_count"]}


def assignments(lists: Lists) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in lists.campaign_assignment.to_pylist()]


def is_control(campaign_id: str, customer_id: str, share: float) -> bool:
    digest = hashlib.sha256(f"salt:{campaign_id}:{customer_id}".encode()).hexdigest()
    return int(digest[:12], 16) < share * 16**12


# --- lists ---


def test_a_customer_in_any_of_the_segments_is_a_candidate_once(shop: Shop) -> None:
    shop.customer("a", "lapsing", "at_risk")
    shop.customer("b", "at_risk")
    shop.customer("c", "champions")
    lists = shop.lists(config(campaign(segment=["lapsing", "at_risk"])))
    assert members(lists) == [("win_back", "email", "a", "treated"), ("win_back", "email", "b", "treated")]


def test_consent_that_is_null_or_of_another_channel_is_no_consent(shop: Shop) -> None:
    shop.customer("a", "lapsing", email_consent=None)
    shop.customer("b", "lapsing", email_consent=False)
    shop.con.execute("INSERT INTO customer_segment VALUES ('unknown', 'lapsing')")
    lists = shop.lists(config(campaign()))
    assert members(lists) == []
    assert left_out(lists) == {("win_back", "email", "no_consent"): 3}


def test_ads_need_the_consent_to_ads(shop: Shop) -> None:
    shop.customer("a", "lapsing", ads_consent=False)
    shop.customer("b", "lapsing", email_consent=False, sms_consent=False)
    lists = shop.lists(config(campaign(channels=[{"channel": "ads", "target": "meta"}])))
    assert members(lists) == [("win_back", "ads", "b", "treated")]
    assert left_out(lists) == {("win_back", "ads", "no_consent"): 1}


def test_a_deleted_customer_is_suppressed(shop: Shop) -> None:
    shop.customer("a", "lapsing", is_deleted=True)
    assert left_out(shop.lists(config(campaign()))) == {("win_back", "email", "suppressed"): 1}


def test_an_address_that_is_missing_or_bad_is_left_out_and_counted(shop: Shop) -> None:
    shop.customer("a", "lapsing", phone="+1 201 555 0100")
    shop.customer("b", "lapsing", phone=None)
    shop.customer("c", "lapsing", phone="  ")
    shop.customer("d", "lapsing", phone="12")
    shop.customer("e", "lapsing", phone="call me")
    lists = shop.lists(config(campaign(channels=[{"channel": "sms", "target": "sms"}])))
    assert [(row["customer_id"], row["phone"]) for row in lists.listed.to_pylist()] == [("a", "+12015550100")]
    assert left_out(lists) == {("win_back", "sms", "no_address"): 2, ("win_back", "sms", "bad_address"): 2}


def test_an_ads_list_takes_whoever_has_one_good_address_and_counts_the_bad_one(shop: Shop) -> None:
    shop.customer("a", "lapsing", email="A@Example.org ", phone="12")
    shop.customer("b", "lapsing", email=None, phone="(201) 555-0100")
    shop.customer("c", "lapsing", email="nobody", phone=None)
    lists = shop.lists(config(campaign(channels=[{"channel": "ads", "target": "meta"}])))
    listed = [(row["customer_id"], row["email"], row["phone"]) for row in lists.listed.to_pylist()]
    assert listed == [("a", "a@example.org", None), ("b", None, "+12015550100")]
    assert left_out(lists) == {("win_back", "ads", "bad_address"): 1}
    assert [tuple(row.values()) for row in lists.bad_values.to_pylist()] == [
        ("win_back", "ads", "email", 1),
        ("win_back", "ads", "phone", 1),
    ]


def test_a_list_holds_only_the_addresses_of_its_channel(shop: Shop) -> None:
    shop.customer("a", "lapsing", name=" Ann  Mary Lee ")
    (row,) = shop.lists(config(campaign())).listed.to_pylist()
    assert row == {
        "campaign_id": "win_back",
        "channel": "email",
        "target": "unisender",
        "customer_id": "a",
        "email": "a@example.org",
        "phone": None,
        "push_token": None,
        "messenger_id": None,
        "first_name": "Ann",
        "last_name": "Lee",
    }


def test_two_customers_with_one_address_get_one_message(shop: Shop) -> None:
    shop.customer("b", "lapsing", email="home@example.org")
    shop.commit(shop.lists(config(campaign())))
    shop.customer("a", "lapsing", email="HOME@example.org")
    lists = shop.lists(config(campaign()))
    assert members(lists) == [("win_back", "email", "b", "treated")]
    assert left_out(lists) == {("win_back", "email", "same_address"): 1}


def test_the_cap_goes_by_priority_and_per_channel(shop: Shop) -> None:
    shop.customer("a", "lapsing", "champions")
    shop.customer("b", "lapsing")
    both = [{"channel": "email", "target": "unisender"}, {"channel": "sms", "target": "sms"}]
    first, second = campaign("vip", segment="champions"), campaign("win_back", priority=2, channels=both)
    capped = shop.lists(config(second, first))
    assert members(capped) == [
        ("vip", "email", "a", "treated"),
        ("win_back", "email", "b", "treated"),
        ("win_back", "sms", "a", "treated"),
        ("win_back", "sms", "b", "treated"),
    ]
    assert left_out(capped) == {("win_back", "email", "cap"): 1}
    assert left_out(shop.lists(config(second, first, cap=2))) == {}


def test_who_is_control_takes_a_cap_slot_too(shop: Shop) -> None:
    customer_id = next(str(i) for i in range(100) if is_control("vip", str(i), 0.5))
    shop.customer(customer_id, "lapsing")
    lists = shop.lists(config(campaign("vip", control_share=0.5), campaign("win_back", priority=2)))
    assert members(lists) == [("vip", "email", customer_id, "control")]
    assert lists.listed.num_rows == 0
    assert left_out(lists) == {("vip", "email", "control_group"): 1, ("win_back", "email", "cap"): 1}


def test_who_has_no_consent_takes_no_cap_slot_and_is_not_drawn(shop: Shop) -> None:
    shop.customer("a", "lapsing", email_consent=False)
    lists = shop.lists(config(campaign("vip", control_share=0.9)))
    assert (members(lists), assignments(lists)) == ([], [])


def test_every_candidate_is_listed_or_has_one_reason(shop: Shop) -> None:
    shop.customer("a", "lapsing")
    shop.customer("b", "lapsing", email="nobody")
    shop.customer("c", "lapsing", is_deleted=True, email_consent=False, email=None)
    lists = shop.lists(config(campaign()))
    assert [row["reason"] for row in lists.exclusions.to_pylist()] == list(REASONS)
    assert lists.listed.num_rows + sum(lists.exclusions["customer_count"].to_pylist()) == 3


@pytest.mark.parametrize(("night", "listed"), [(9, 0), (10, 1), (11, 1), (12, 0)])
def test_a_campaign_runs_from_its_first_to_its_last_night(shop: Shop, night: int, listed: int) -> None:
    shop.customer("a", "lapsing")
    dated = config(campaign(starts_on=date(2025, 3, 10), ends_on=date(2025, 3, 11)))
    assert shop.lists(dated, date(2025, 3, night)).listed.num_rows == listed


# --- control group ---


def ten_thousand(shop: Shop) -> None:
    """Customers 0 to 9999, all of them lapsing and with a push token."""
    shop.con.execute("""
        INSERT INTO customer SELECT i::VARCHAR, FALSE, TRUE, TRUE, TRUE, TRUE, TRUE, TRUE FROM range(10000) AS t (i);
        INSERT INTO extract
        SELECT i::VARCHAR, NULL, NULL, NULL, i::VARCHAR, NULL FROM range(10000) AS t (i);
        INSERT INTO customer_segment SELECT i::VARCHAR, 'lapsing' FROM range(10000) AS t (i)""")


def controls(lists: Lists, campaign_id: str) -> set[str]:
    return {row[2] for row in members(lists) if row[0] == campaign_id and row[3] == "control"}


def test_the_arm_is_the_salted_sha256_of_campaign_and_customer_and_its_share_is_kept(shop: Shop) -> None:
    ten_thousand(shop)
    push = {"channels": [{"channel": "push", "target": "push"}], "control_share": 0.2}
    lists = shop.lists(config(campaign("one", **push), campaign("two", **push), cap=2))
    one, two = controls(lists, "one"), controls(lists, "two")
    assert one == {str(i) for i in range(10_000) if is_control("one", str(i), 0.2)}
    assert abs(len(one) - 2000) < 4 * (10_000 * 0.2 * 0.8) ** 0.5
    assert abs(len(one & two) - 400) < 4 * (10_000 * 0.04 * 0.96) ** 0.5, "the campaigns' draws are independent"


def test_the_arm_stays_for_the_campaigns_life_whatever_share_and_salt_become(shop: Shop) -> None:
    ten_thousand(shop)
    push = {"channels": [{"channel": "push", "target": "push"}]}
    first = shop.lists(config(campaign(control_share=0.1, **push)))
    shop.commit(first)
    changed = SETTINGS.model_copy(update={"control_salt": "other"})
    later = shop.lists(config(campaign(control_share=0.5, **push)), date(2025, 3, 11), changed)
    assert members(later) == members(first)
    assert assignments(later) == assignments(first)


def test_one_arm_for_all_channels_of_a_campaign(shop: Shop) -> None:
    both = [{"channel": "sms", "target": "sms"}, {"channel": "email", "target": "unisender"}]
    for i in range(20):
        shop.customer(f"c{i}", "lapsing")
    lists = shop.lists(config(campaign(control_share=0.5, channels=both)))
    arms = {(customer, arm) for _, _, customer, arm in members(lists)}
    assert (len(members(lists)), len(arms)) == (40, 20)
    assert {row[2] for row in assignments(lists)} == {"sms"}, "assigned on the campaign's first channel"


# --- assignment ---


def test_a_customer_is_assigned_on_the_first_night_at_midnight_of_the_business_zone(shop: Shop) -> None:
    shop.customer("a", "lapsing")
    first = shop.lists(config(campaign()))
    row = ("win_back", "a", "email", "treated", datetime(2025, 3, 9, 23, tzinfo=UTC), NIGHT, 30, "export")
    assert assignments(first) == [row]
    shop.commit(first)
    shop.customer("b", "lapsing")
    shop.leave("a")
    assert [(r[1], r[5], r[7]) for r in assignments(shop.lists(config(campaign()), date(2025, 3, 11)))] == [
        ("a", NIGHT, "export"),
        ("b", date(2025, 3, 11), "export"),
    ]


def test_members_of_the_extract_are_assignments_treated_by_default_from_their_campaigns_start(shop: Shop) -> None:
    shop.con.execute("INSERT INTO campaigns VALUES ('spring', '2025-03-01', 20)")
    shop.con.execute("""INSERT INTO campaign_members VALUES
        ('spring', 'a', 'email', NULL, NULL, NULL, '2025-03-05'),
        ('spring', 'b', NULL, 'control', '2025-03-02 10:00:00+01', '2025-03-02', '2025-03-05'),
        ('unknown', 'a', NULL, 'treated', NULL, NULL, '2025-03-05'),
        ('spring', 'later', NULL, NULL, '2025-03-11 10:00:00+01', '2025-03-11', '2025-03-05')""")
    assert assignments(shop.lists(config())) == [
        ("spring", "a", "email", "treated", datetime(2025, 2, 28, 23, tzinfo=UTC), date(2025, 3, 1), 20, "extract"),
        ("spring", "b", None, "control", datetime(2025, 3, 2, 9, tzinfo=UTC), date(2025, 3, 2), 20, "extract"),
        ("unknown", "a", None, "treated", datetime(2025, 3, 4, 23, tzinfo=UTC), date(2025, 3, 5), None, "extract"),
    ]


def test_a_corrected_extract_replaces_its_stored_assignment_but_not_one_of_ours(shop: Shop) -> None:
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('spring', 'a', NULL, 'treated', '2025-03-01', '2025-03-01', NULL, 'extract'),
        ('ours', 'a', NULL, 'treated', '2025-03-02', '2025-03-02', 30, 'export')""")
    shop.con.execute("""INSERT INTO campaign_members VALUES
        ('spring', 'a', NULL, 'control', '2025-03-01', '2025-03-01', '2025-03-05'),
        ('ours', 'a', NULL, 'control', '2025-03-01', '2025-03-01', '2025-03-05')""")
    rows = [(r[0], r[3], r[7]) for r in assignments(shop.lists(config()))]
    assert rows == [("ours", "treated", "export"), ("spring", "control", "extract")]


def test_a_stored_assignment_that_the_extract_no_longer_has_stays(shop: Shop) -> None:
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('spring', 'a', NULL, 'treated', '2025-03-01', '2025-03-01', NULL, 'extract'),
        ('spring', 'b', NULL, 'treated', '2025-03-01', '2025-03-01', NULL, 'extract')""")
    shop.con.execute("""INSERT INTO campaign_members VALUES
        ('spring', 'b', NULL, 'control', '2025-03-11', '2025-03-11', '2025-03-05')""")
    assert [(r[1], r[3]) for r in assignments(shop.lists(config()))] == [("a", "treated"), ("b", "treated")]


def test_of_a_merged_customers_accounts_ours_goes_before_the_extracts_which_go_before_stored_ones(shop: Shop) -> None:
    shop.con.execute("INSERT INTO customer_identity VALUES ('old', 'person'), ('older', 'person')")
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('ours', 'old', 'email', 'control', '2025-03-04', '2025-03-04', 45, 'export'),
        ('theirs', 'person', NULL, 'control', '2025-03-01', '2025-03-01', NULL, 'extract')""")
    shop.con.execute("""INSERT INTO campaign_members VALUES
        ('ours', 'person', NULL, 'treated', '2025-03-01', '2025-03-01', '2025-03-05'),
        ('theirs', 'old', NULL, 'treated', '2025-03-03', '2025-03-03', '2025-03-05'),
        ('theirs', 'older', NULL, 'treated', '2025-03-02', '2025-03-02', '2025-03-05')""")
    assert [(r[0], r[1], r[3], r[5]) for r in assignments(shop.lists(config()))] == [
        ("ours", "person", "control", date(2025, 3, 4)),
        ("theirs", "person", "treated", date(2025, 3, 2)),
    ]


def test_a_merged_customer_keeps_the_earliest_arm(shop: Shop) -> None:
    shop.customer("person", "lapsing")
    shop.con.execute("INSERT INTO customer_identity VALUES ('old', 'person')")
    shop.con.execute("""INSERT INTO history.campaign_assignment VALUES
        ('win_back', 'person', 'email', 'treated', '2025-03-05', '2025-03-05', 45, 'export'),
        ('win_back', 'old', 'email', 'control', '2025-03-04', '2025-03-04', 45, 'export')""")
    lists = shop.lists(config(campaign()))
    assert [(r[1], r[3], r[5]) for r in assignments(lists)] == [("person", "control", date(2025, 3, 4))]
    assert members(lists) == [("win_back", "email", "person", "control")]


# --- removals ---


def removals(lists: Lists) -> list[tuple[Any, ...]]:
    rows = lists.removals.to_pylist()
    return [(r["campaign_id"], r["channel"], r["target"], r["customer_id"], r["email"] or r["phone"]) for r in rows]


def test_who_left_the_segment_withdrew_consent_or_was_deleted_is_removed(shop: Shop) -> None:
    for customer_id in ("left", "withdrew", "deleted", "stays"):
        shop.customer(customer_id, "lapsing")
    first = shop.lists(config(campaign()))
    assert removals(first) == []
    shop.commit(first)
    shop.leave("left")
    shop.con.execute("UPDATE customer SET email_consent = NULL WHERE customer_id = 'withdrew'")
    shop.con.execute("UPDATE customer SET is_deleted = TRUE WHERE customer_id = 'deleted'")
    second = shop.lists(config(campaign()))
    assert removals(second) == [
        ("win_back", "email", "unisender", "deleted", "deleted@example.org"),
        ("win_back", "email", "unisender", "left", "left@example.org"),
        ("win_back", "email", "unisender", "withdrew", "withdrew@example.org"),
    ]
    shop.commit(second)
    assert removals(shop.lists(config(campaign()))) == [], "a removal is told once"


def test_everyone_is_removed_when_a_campaign_ends_is_taken_out_or_gets_another_target(shop: Shop) -> None:
    shop.customer("a", "lapsing")
    shop.commit(shop.lists(config(campaign())))
    gone = [("win_back", "email", "unisender", "a", "a@example.org")]
    moved = campaign(channels=[{"channel": "email", "target": "mautic"}])
    assert removals(shop.lists(config(campaign(ends_on=date(2025, 3, 9))))) == gone
    assert removals(shop.lists(config())) == gone
    assert removals(shop.lists(config(moved))) == gone


def test_an_erased_person_is_removed_by_the_address_that_was_listed(shop: Shop) -> None:
    shop.customer("a", "lapsing", email=" A@Example.org", phone="(201) 555-0100")
    both = [{"channel": "ads", "target": "meta"}, {"channel": "sms", "target": "sms"}]
    shop.commit(shop.lists(config(campaign(channels=both))))
    for table in ("customer", "extract", "customer_segment"):
        shop.con.execute(f"DELETE FROM {table}")
    rows = shop.lists(config(campaign(channels=both))).removals.to_pylist()
    assert [(r["channel"], r["customer_id"], r["email"], r["phone"], r["push_token"]) for r in rows] == [
        ("ads", "a", "a@example.org", "+12015550100", None),
        ("sms", "a", None, "+12015550100", None),
    ]


@pytest.mark.parametrize("email", [None, " ", "nobody"])
def test_a_blanked_or_spoiled_address_is_removed_as_it_was(shop: Shop, email: str | None) -> None:
    shop.customer("a", "lapsing")
    shop.commit(shop.lists(config(campaign())))
    shop.change("a", email=email)
    assert removals(shop.lists(config(campaign()))) == [("win_back", "email", "unisender", "a", "a@example.org")]


def test_who_left_and_has_another_address_now_is_removed_by_the_old_one_alone(shop: Shop) -> None:
    shop.customer("a", "lapsing", email="old@example.org")
    shop.customer("b", "lapsing", email=None)
    shop.con.execute("INSERT INTO history.campaign_list VALUES ('win_back', 'email', 'unisender', 'b')")
    first = shop.lists(config(campaign()))
    assert removals(first) == [("win_back", "email", "unisender", "b", None)], "no address was known"
    shop.commit(first)
    shop.leave("a")
    shop.change("a", email="new@example.org")
    assert removals(shop.lists(config(campaign()))) == [("win_back", "email", "unisender", "a", "old@example.org")]


def test_a_changed_address_removes_the_old_one_and_keeps_the_person(shop: Shop) -> None:
    shop.customer("a", "lapsing", email="old@example.org", phone="(201) 555-0100")
    ads = config(campaign(channels=[{"channel": "ads", "target": "meta"}]))
    shop.commit(shop.lists(ads))
    shop.change("a", email="new@example.org", push_token="new")
    lists = shop.lists(ads)
    assert [(row["customer_id"], row["email"]) for row in lists.listed.to_pylist()] == [("a", "new@example.org")]
    (row,) = lists.removals.to_pylist()
    addresses = [row[name] for name in ("customer_id", "email", "phone", "push_token")]
    assert addresses == [None, "old@example.org", None, None], "no id and no phone: the customer has both still"
    shop.commit(lists)
    shop.change("a", email=None)
    assert removals(shop.lists(ads)) == [("win_back", "ads", "meta", None, "new@example.org")]


def test_an_unchanged_address_is_not_removed_however_it_is_spelled(shop: Shop) -> None:
    shop.customer("a", "lapsing", phone="(201) 555-0100")
    both = [{"channel": "email", "target": "unisender"}, {"channel": "sms", "target": "sms"}]
    shop.commit(shop.lists(config(campaign(channels=both))))
    shop.change("a", email=" A@Example.ORG", phone="+1 201 5550100", messenger_id="new")
    lists = shop.lists(config(campaign(channels=both)))
    assert (lists.removals.num_rows, lists.removal_counts.num_rows) == (0, 0)


def test_an_address_taken_over_by_another_listed_customer_is_not_removed(shop: Shop) -> None:
    for customer_id in ("a", "b", "c"):
        shop.customer(customer_id, "lapsing")
    shop.commit(shop.lists(config(campaign())))
    shop.leave("a")
    shop.change("b", email="A@example.org")
    shop.change("c", email="b@example.org")
    assert removals(shop.lists(config(campaign()))) == [
        ("win_back", "email", "unisender", "a", None),
        ("win_back", "email", "unisender", None, "c@example.org"),
    ]


# --- config ---


def write(path: Path, **values: Any) -> Path:
    """A config file with one campaign, in which `values` replace the fields."""
    path.write_text(yaml.safe_dump({"campaigns": [campaign(**values)]}))
    return path


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"control_share": 1.5}, "campaign win_back: control_share: Input should be less than or equal to 0.9"),
        ({"colour": "red"}, "campaign win_back: colour: Extra inputs are not permitted"),
        ({"id": "Win back"}, "campaign Win back: id: String should match pattern '^[a-z0-9_]+$'"),
        (
            {"channels": [{"channel": "fax", "target": "sms"}]},
            "campaign win_back: channels: 0: channel: Input should be",
        ),
        (
            {"segment": "asleep"},
            "campaign win_back: segment: there is no segment 'asleep'; there are: at_risk, lapsing",
        ),
        (
            {"starts_on": "2025-02-01", "ends_on": "2025-01-01"},
            "campaign win_back: ends_on: 2025-01-01 is before starts_on, 2025-02-01",
        ),
        (
            {"channels": [{"channel": "email", "target": "fax"}]},
            "campaign win_back: channels: email: target: there is no target 'fax'; there are: esputnik, google_ads",
        ),
        (
            {"channels": [{"channel": "email", "target": "meta"}]},
            "campaign win_back: channels: email: target: meta is for ads",
        ),
        (
            {"channels": [{"channel": "email", "target": "unisender", "fields": {"City": "town"}}]},
            "campaign win_back: channels: email: fields: City: customer_360 has no column 'town'",
        ),
        (
            {"channels": [{"channel": "email", "target": "unisender", "fields": {"tel": "phone"}}]},
            "campaign win_back: channels: email: fields: tel: phone needs another consent than that for email",
        ),
        (
            {"channels": [{"channel": "email", "target": "unisender", "fields": {"email": "region"}}]},
            "campaign win_back: channels: email: fields: email: unisender has a column of this name",
        ),
        (
            {"channels": [{"channel": "ads", "target": "google_ads", "fields": {"City": "region"}}]},
            "campaign win_back: channels: ads: fields: City: google_ads takes no such column; it takes: Country, Zip",
        ),
        (
            {"channels": [{"channel": "ads", "target": "meta"}, {"channel": "ads", "target": "tiktok"}]},
            "campaign win_back: channels: ads is there twice",
        ),
    ],
)
def test_a_broken_config_names_file_campaign_and_field(tmp_path: Path, values: dict[str, Any], message: str) -> None:
    path = write(tmp_path / "campaigns.yaml", **values)
    with pytest.raises(LoyaltyError) as error:
        read_campaigns(path, segments={"lapsing", "at_risk"}, columns={"region"})
    assert str(error.value).startswith(f"{path}: {message}")


def test_all_problems_are_told_at_once_and_an_id_is_used_once(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.yaml"
    text = write(path, segment="asleep").read_text()
    path.write_text(text + text.removeprefix("campaigns:\n"))
    with pytest.raises(LoyaltyError) as error:
        read_campaigns(path, segments={"lapsing"}, columns=set())
    assert str(error.value).splitlines() == [
        f"{path}: campaign win_back: id: used twice",
        f"{path}: campaign win_back: segment: there is no segment 'asleep'; there are: lapsing",
        f"{path}: campaign win_back: segment: there is no segment 'asleep'; there are: lapsing",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("campaigns: [", "not readable as YAML"),
        ("", "file: Input should be a valid dictionary"),
        ("campaigns: [1]", "campaign no. 1: entry: Input should be a valid dictionary"),
        ("max_campaigns_per_night: 0\ncampaigns: []", "max_campaigns_per_night: Input should be greater than or equal"),
    ],
)
def test_a_file_that_is_no_config_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "campaigns.yaml"
    path.write_text(text)
    with pytest.raises(LoyaltyError, match=message) as error:
        read_campaigns(path)
    assert str(path) in str(error.value)


def test_a_config_that_is_not_there_says_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(LoyaltyError, match="LOYALTY_CAMPAIGNS"):
        read_campaigns(tmp_path / "campaigns.yaml")


def test_the_shipped_config_is_valid() -> None:
    columns = {"favourite_category", "points_balance", "last_order_date"}
    shipped = read_campaigns(ROOT / "config" / "campaigns.yaml", columns=columns)
    assert [campaign.id for campaign in shipped.campaigns] == [
        "vip_privileges",
        "second_purchase",
        "win_back",
        "unused_promo",
    ]

"""What holds of lists whatever comes: generated customers and campaigns over up to three nights."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from campaign_shop import CONSENTS, NIGHT, SETTINGS, CampaignShop, NightLists, campaign, campaigns_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.campaigns import manifest
from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.campaigns.config import Campaigns
from pipelines.campaigns.files import write_exports
from pipelines.campaigns.selection import Lists

SEGMENTS = ("at_risk", "lapsing")
TARGETS = {
    "email": "unisender",
    "sms": "sms",
    "push": "push",
    "messenger": "messenger",
    "call": "sms",
    "ads": "meta",
}
# Few values, so that customers share addresses; some are missing, some can't be used.
VALUES = {
    "email": [None, "nobody", "a@example.org", "A@example.org", "b@example.org", "c@example.org"],
    "phone": [None, "12", "+1 201 555 0101", "(201) 555-0101", "+1 201 555 0102"],
    "push_token": [None, "t1", "t2"],
    "messenger_id": [None, "m1", "m2"],
}


@dataclass(frozen=True)
class Customer:
    customer_id: str
    is_deleted: bool
    consents: dict[str, bool | None]
    addresses: dict[str, str | None]
    segments: frozenset[str]


@dataclass(frozen=True)
class Night:
    """One night: what was known, and what came out."""

    customers: dict[str, Customer]
    campaigns: Campaigns
    lists: NightLists
    again: NightLists
    manifest: dict[str, Any]

    def entries(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.lists.listed.to_pylist()
        return rows

    def controls(self) -> set[tuple[str, str]]:
        """Campaign and customer of whoever is assigned to the control arm."""
        rows = self.lists.campaign_assignment.to_pylist()
        return {(row["campaign_id"], row["customer_id"]) for row in rows if row["arm"] == "control"}

    def segment_members(self, campaign_id: str) -> list[Customer]:
        (found,) = (c for c in self.campaigns.campaigns if c.id == campaign_id)
        return [customer for customer in self.customers.values() if customer.segments & set(found.segment)]


def customers() -> st.SearchStrategy[dict[str, Customer]]:
    """Customers who mostly consent and mostly have addresses, so that lists are not empty."""
    one = st.builds(
        Customer,
        customer_id=st.sampled_from([f"c{n}" for n in range(12)]),
        is_deleted=st.sampled_from([False, False, False, True]),
        consents=st.fixed_dictionaries(dict.fromkeys(CONSENTS, st.sampled_from([True, True, True, False, None]))),
        addresses=st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}),
        segments=st.frozensets(st.sampled_from(SEGMENTS)),
    )
    return st.lists(one, min_size=2, max_size=12, unique_by=lambda customer: customer.customer_id).map(
        lambda found: {customer.customer_id: customer for customer in found}
    )


def campaign_configs() -> st.SearchStrategy[Campaigns]:
    """One to three campaigns; a night later the same ids may have other segments, channels and shares."""

    def configured(campaign_id: str) -> st.SearchStrategy[dict[str, Any]]:
        return st.builds(
            campaign,
            st.just(campaign_id),
            segment=st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=2, unique=True),
            priority=st.integers(1, 3),
            control_share=st.sampled_from([0, 0.3, 0.6]),
            channels=st.lists(st.sampled_from(list(TARGETS)), min_size=1, max_size=3, unique=True).map(
                lambda names: [{"channel": name, "target": TARGETS[name]} for name in names]
            ),
        )

    several = st.sampled_from([("x",), ("x", "y"), ("x", "y", "z")]).flatmap(
        lambda ids: st.tuples(*(configured(campaign_id) for campaign_id in ids))
    )
    return st.builds(lambda found, cap: campaigns_of(*found, cap=cap), several, st.integers(1, 2))


def register(shop: CampaignShop, found: dict[str, Customer]) -> None:
    """Make customers all that the shop knows."""
    for table in ("customer", "extract", "customer_segment"):
        shop.con.execute(f"DELETE FROM {table}")
    rows = [
        (c.customer_id, c.is_deleted, *(c.consents[n] for n in CONSENTS), *(c.addresses[n] for n in ADDRESSES))
        for c in found.values()
    ]
    consents = [f"{name}_consent" for name in CONSENTS]
    names = ["customer_id", "is_deleted", *consents, *ADDRESSES]
    types = [pa.string(), *[pa.bool_()] * 7, *[pa.string()] * 4]
    columns = zip(*rows, strict=True)
    shop.con.register("known", pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names))
    shop.con.execute(f"INSERT INTO customer SELECT customer_id, is_deleted, {', '.join(consents)}, NULL FROM known")
    shop.con.execute(
        f"INSERT INTO extract BY NAME SELECT customer_id, 'Ann Lee' AS name, {', '.join(ADDRESSES)} FROM known"
    )
    belongs = [(c.customer_id, segment) for c in found.values() for segment in sorted(c.segments)]
    if belongs:
        shop.con.executemany("INSERT INTO customer_segment VALUES (?, ?)", belongs)


def nights(story: list[tuple[dict[str, Customer], Campaigns]], out_dir: Path) -> list[Night]:
    """Run night after night, each on what the one before stored."""
    shop = CampaignShop(out_dir)
    ran = []
    for number, (found, campaigns) in enumerate(story):
        run_date: date = NIGHT + timedelta(days=number)
        register(shop, found)
        again, lists = (shop.lists(campaigns, run_date) for _ in range(2))
        counts = Lists(lists.exclusions, lists.bad_values, lists.removal_counts)
        write_exports(shop.con, counts, campaigns, SETTINGS, run_date, out_dir)
        text = (out_dir / f"{run_date}" / "manifest.json").read_text()
        ran.append(Night(found, campaigns, lists, again, json.loads(text)))
        shop.commit(lists)
    shop.con.close()
    return ran


# --- rules ---


def nobody_is_listed_without_consent_or_address(ran: list[Night]) -> None:
    for night in ran:
        for row in night.entries():
            assert night.customers[row["customer_id"]].consents[row["channel"]] is True
            assert any(row[name] for name in CHANNELS[row["channel"]])
            assert not any(row[name] for name in set(ADDRESSES) - set(CHANNELS[row["channel"]]))


def nobody_is_listed_who_is_deleted_or_in_no_segment_of_the_campaign(ran: list[Night]) -> None:
    for night in ran:
        for row in night.entries():
            customer = night.customers[row["customer_id"]]
            assert not customer.is_deleted
            assert customer in night.segment_members(row["campaign_id"])


def nobody_is_in_more_campaigns_of_a_channel_than_the_cap(ran: list[Night]) -> None:
    for night in ran:
        for table in (night.lists.listed, night.lists.members):  # control takes a slot too
            slots = Counter((row["channel"], row["customer_id"]) for row in table.to_pylist())
            assert max(slots.values(), default=0) <= night.campaigns.max_campaigns_per_night


def who_is_control_is_on_no_list_of_the_campaign_and_stays_control(ran: list[Night]) -> None:
    controls: set[tuple[str, str]] = set()
    for night in ran:
        assert controls <= night.controls()
        controls = night.controls()
        assert not controls & {(row["campaign_id"], row["customer_id"]) for row in night.entries()}


def who_is_listed_is_assigned_once_and_as_treated(ran: list[Night]) -> None:
    for night in ran:
        rows = night.lists.campaign_assignment.to_pylist()
        arms = {(row["campaign_id"], row["customer_id"]): row["arm"] for row in rows}
        assert len(arms) == len(rows)
        assert {arms[row["campaign_id"], row["customer_id"]] for row in night.entries()} <= {"treated"}


def an_address_is_on_a_list_once(ran: list[Night]) -> None:
    for night in ran:
        used = Counter(
            (row["campaign_id"], row["channel"], next(row[n] for n in ADDRESSES if row[n])) for row in night.entries()
        )
        assert max(used.values(), default=0) <= 1


def the_manifests_counts_add_up_to_the_candidates(ran: list[Night]) -> None:
    for night in ran:
        running = {c.id for c in night.campaigns.campaigns}
        for part in night.manifest["campaigns"]:
            for counts in part["channels"] if part["campaign_id"] in running else []:
                if not any(file["kind"] == "list" for file in counts["files"]):
                    continue  # a channel that the campaign no longer has
                found = night.segment_members(part["campaign_id"])
                living = [customer for customer in found if not customer.is_deleted]
                left_out = counts["left_out"]
                assert counts["candidates"] == len(found) == counts["listed"] + sum(left_out.values())
                assert left_out["suppressed"] == len(found) - len(living)
                assert left_out["no_consent"] == sum(not c.consents[counts["channel"]] for c in living)


def who_was_listed_is_listed_or_removed(ran: list[Night]) -> None:
    def on(table: pa.Table) -> set[tuple[str, ...]]:
        keys = ("campaign_id", "channel", "target", "customer_id")
        return {tuple(row[key] for key in keys) for row in table.to_pylist() if row["customer_id"]}

    for before, night in pairwise(ran):
        assert on(night.lists.removals) == on(before.lists.listed) - on(night.lists.listed)


def the_same_input_gives_the_same_lists(ran: list[Night]) -> None:
    for night in ran:
        assert night.lists == night.again


RULES: tuple[Callable[[list[Night]], None], ...] = (
    nobody_is_listed_without_consent_or_address,
    nobody_is_listed_who_is_deleted_or_in_no_segment_of_the_campaign,
    nobody_is_in_more_campaigns_of_a_channel_than_the_cap,
    who_is_control_is_on_no_list_of_the_campaign_and_stays_control,
    who_is_listed_is_assigned_once_and_as_treated,
    an_address_is_on_a_list_once,
    the_manifests_counts_add_up_to_the_candidates,
    who_was_listed_is_listed_or_removed,
    the_same_input_gives_the_same_lists,
)


@pytest.fixture(scope="module")
def out_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("exports")
    for segment in SEGMENTS:
        (folder / f"{segment}.sql").write_text(f"-- {segment}.\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest, "SEGMENTS", folder)
        yield folder / "exports"


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a story takes too long to be shrunk
    suppress_health_check=list(HealthCheck),
)
@given(story=st.lists(st.tuples(customers(), campaign_configs()), min_size=2, max_size=3))
def test_consent_cap_and_control_hold_whatever_comes(
    out_dir: Path, story: list[tuple[dict[str, Customer], Campaigns]]
) -> None:
    ran = nights(story, out_dir)
    for rule in RULES:
        rule(ran)

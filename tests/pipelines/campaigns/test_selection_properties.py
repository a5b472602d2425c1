"""What holds of lists whatever comes: generated customers and campaigns over up to three nights."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from campaign_shop import CONSENTS, NIGHT, CampaignShop, NightLists, campaign, campaigns_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pipelines.campaigns import holds, manifest
from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.campaigns.config import Campaigns, ContactCap

SEGMENTS = ("at_risk", "lapsing")
TARGETS = {
    "email": "unisender",
    "sms": "mindbox",
    "push": "push",
    "messenger": "messenger",
    "call": "sms",
    "ads": "meta",
}
KEEP = {"email", "sms", "ads"}  # whose targets keep audiences
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
    """One night: what was known, what was held back, and what came out."""

    number: int
    customers: dict[str, Customer]
    campaigns: Campaigns
    lists: NightLists
    again: NightLists
    manifests: list[dict[str, Any]]

    @property
    def held(self) -> set[str]:
        return set(self.lists.held)

    def sendings(self) -> set[tuple[str, str]]:
        """Campaigns and channels that send tonight."""
        found = self.campaigns.campaigns
        return {(c.id, x.channel) for c in found if c.id not in self.held for x in c.sending_channels}

    def turns(self) -> list[dict[str, Any]]:
        """Who is written to or is control of a sending, that leaves tonight."""
        return [r for r in self.lists.members.to_pylist() if (r["campaign_id"], r["channel"]) in self.sendings()]

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
    return st.lists(one, min_size=4, max_size=12, unique_by=lambda customer: customer.customer_id).map(
        lambda found: {customer.customer_id: customer for customer in found}
    )


def campaign_configs() -> st.SearchStrategy[Campaigns]:
    """One to three campaigns; a night later the same ids may have other segments, channels and shares."""

    def configured(campaign_id: str) -> st.SearchStrategy[dict[str, Any]]:
        return st.builds(
            campaign,
            st.just(campaign_id),
            segment=st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=2, unique=True),
            exclude=st.sampled_from([[], [], ["at_risk"]]),
            priority=st.integers(1, 3),
            control_share=st.sampled_from([0, 0.3, 0.6]),
            repeat=st.sampled_from(["never", "never", "never", {"after_days": 1}, {"after_days": 2}]),
            use_channels=st.sampled_from(["first", "best", "all"]),
            channels=st.lists(st.sampled_from(["email", *TARGETS]), min_size=1, max_size=3, unique=True).map(
                lambda names: [{"channel": name, "target": TARGETS[name]} for name in names]
            ),
            mode=st.sampled_from([None, None, "audience"]),
        ).map(lambda found: found if {x["channel"] for x in found["channels"]} <= KEEP else found | {"mode": None})

    several = st.sampled_from([("x",), ("x", "y"), ("x", "y", "z")]).flatmap(
        lambda ids: st.tuples(*(configured(campaign_id) for campaign_id in ids))
    )
    cap = st.none() | st.builds(ContactCap, contacts=st.integers(1, 2), days=st.integers(1, 3))
    return st.builds(
        lambda found, cap, share: campaigns_of(*found, cap=cap).model_copy(update={"global_control_share": share}),
        several,
        cap,
        st.sampled_from([0, 0, 0.2]),
    )


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


def nights(story: list[tuple[dict[str, Customer], Campaigns, bool]], out_dir: Path) -> list[Night]:
    """Run night after night, each on what the one before stored; some hold campaign x back."""
    shop = CampaignShop(out_dir)
    ran = []
    for number, (found, campaigns, is_held) in enumerate(story):
        run_date: date = NIGHT + timedelta(days=number)
        register(shop, found)
        held = {"x"} if is_held else set()
        lists = shop.lists(campaigns, run_date, held=held)
        again = shop.lists(campaigns, run_date, held=held) if number else lists
        shop.commit(lists)
        texts = [path.read_text() for path in sorted((out_dir / f"{run_date}").glob("*/manifest.json"))]
        ran.append(Night(number, found, campaigns, lists, again, [json.loads(text) for text in texts]))
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


def every_segment_member_is_listed_or_has_one_reason(ran: list[Night]) -> None:
    for night in ran:
        found = Counter(
            (row["campaign_id"], row["channel"], row["customer_id"])
            for table in (night.lists.campaign_list, night.lists.campaign_exclusion)
            for row in table.to_pylist()
        )
        assert found == Counter(
            (campaign.id, channel.channel, customer.customer_id)
            for campaign in night.campaigns.campaigns
            for channel in campaign.channels
            for customer in night.segment_members(campaign.id)
        )


def nobody_is_contacted_more_often_than_the_cap(ran: list[Night]) -> None:
    for night in ran:
        if (cap := night.campaigns.contact_cap) is None:
            continue
        span = [other for other in ran if night.number - cap.days < other.number <= night.number]
        contacts = Counter(row["customer_id"] for other in span for row in other.turns())
        assert all(contacts[row["customer_id"]] <= cap.contacts for row in night.turns())


def no_sending_that_never_repeats_writes_to_a_customer_or_an_address_twice(ran: list[Night]) -> None:
    def written(night: Night) -> Iterator[tuple[str, str, str, str]]:
        for row in night.entries():
            if (row["campaign_id"], row["channel"]) in night.sendings():
                address = next(row[name] for name in ADDRESSES if row[name])
                yield row["campaign_id"], row["channel"], row["customer_id"], address

    for night in ran:
        by_id = {campaign.id: campaign for campaign in night.campaigns.campaigns}
        earlier = [row for other in ran[: night.number] for row in written(other)]
        for campaign_id, channel, customer, address in written(night):
            if by_id[campaign_id].repeat == "never":
                is_all = by_id[campaign_id].use_channels == "all"
                same = [r for r in earlier if r[0] == campaign_id and (not is_all or r[1] == channel)]
                assert not [row for row in same if row[2] == customer or row[3] == address]


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
        rows = night.lists.campaign_list.to_pylist()
        assert {arms[row["campaign_id"], row["customer_id"]] for row in rows} <= {"treated"}


def an_address_is_on_a_list_once(ran: list[Night]) -> None:
    for night in ran:
        used = Counter(
            (row["campaign_id"], row["channel"], next(row[n] for n in ADDRESSES if row[n])) for row in night.entries()
        )
        assert max(used.values(), default=0) <= 1


def the_manifests_counts_add_up_to_the_candidates(ran: list[Night]) -> None:
    for night in ran:
        for part in night.manifests:
            running = {c.channel for x in night.campaigns.campaigns if x.id == part["campaign_id"] for c in x.channels}
            for counts in part["channels"]:
                if "is_held" in counts or counts["channel"] not in running:
                    continue  # only who leaves is told
                found = night.segment_members(part["campaign_id"])
                left_out = counts["left_out"]
                assert counts["candidates"] == len(found) == counts["listed"] + sum(left_out.values())
                assert left_out["deleted"] == sum(customer.is_deleted for customer in found)


def tools_hold_tonights_audience_and_a_held_ones_last_less_who_may_not_be_written_to(ran: list[Night]) -> None:
    tools: dict[str, set[tuple[str, str]]] = {}
    for night in ran:
        removed: dict[str, set[tuple[str, str]]] = {}
        for row in night.lists.removals.to_pylist():
            if row["customer_id"]:
                removed.setdefault(row["campaign_id"], set()).add((row["channel"], row["customer_id"]))
        for found in night.campaigns.campaigns:
            before = tools.get(found.id, set())
            kept = {channel.channel for channel in found.channels} - {c.channel for c in found.sending_channels}
            now = {
                (row["channel"], row["customer_id"])
                for row in night.entries()
                if row["campaign_id"] == found.id and row["channel"] in kept
            }
            assert removed.get(found.id, set()) == before - now
            tools[found.id] = now
            if found.id in night.held:
                tools[found.id] = {(x, c) for x, c in before if may_be_written_to(night.customers.get(c), x)}


def may_be_written_to(customer: Customer | None, channel: str) -> bool:
    return customer is not None and not customer.is_deleted and customer.consents[channel] is True


def the_same_input_gives_the_same_lists(ran: list[Night]) -> None:
    for night in ran:
        assert night.lists == night.again


RULES: tuple[Callable[[list[Night]], None], ...] = (
    nobody_is_listed_without_consent_or_address,
    nobody_is_listed_who_is_deleted_or_in_no_segment_of_the_campaign,
    every_segment_member_is_listed_or_has_one_reason,
    nobody_is_contacted_more_often_than_the_cap,
    no_sending_that_never_repeats_writes_to_a_customer_or_an_address_twice,
    who_is_control_is_on_no_list_of_the_campaign_and_stays_control,
    who_is_listed_is_assigned_once_and_as_treated,
    an_address_is_on_a_list_once,
    the_manifests_counts_add_up_to_the_candidates,
    tools_hold_tonights_audience_and_a_held_ones_last_less_who_may_not_be_written_to,
    the_same_input_gives_the_same_lists,
)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for stories, and the segments that they read."""
    folder = tmp_path_factory.mktemp("stories")
    for segment in SEGMENTS:
        (folder / f"{segment}.sql").write_text(f"-- {segment}.\nSELECT customer_id FROM customer_360\n")
    with pytest.MonkeyPatch.context() as patch:
        for module in (holds, manifest):
            patch.setattr(module, "segment_path", lambda name: folder / f"{name}.sql")
        yield folder


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a story takes too long to be shrunk
    suppress_health_check=list(HealthCheck),
)
@given(
    story=st.lists(
        st.tuples(customers(), campaign_configs(), st.sampled_from([False, False, True])), min_size=2, max_size=3
    )
)
def test_what_holds_of_lists_whatever_comes(
    stories: Path, story: list[tuple[dict[str, Customer], Campaigns, bool]]
) -> None:
    with TemporaryDirectory(dir=stories) as folder:
        ran = nights(story, Path(folder))
    for rule in RULES:
        rule(ran)

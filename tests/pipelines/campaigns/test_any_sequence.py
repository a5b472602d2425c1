"""Over any sequence of nights, the tools hold tonight's lists, and nobody is written to twice.

A machine makes things happen in any order: customers move, merge, opt out and swap addresses, the config is edited,
nights run, run again, break off between any two steps, are held and released. Simulated tools import every folder that
was sent, once, lists before removals. What they then hold is compared with the night's lists.
"""

import json
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from campaign_shop import NIGHT, SETTINGS, CampaignShop, NightLists, campaign, campaigns_of
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from tools import AdPlatform, ContactTool, Gateway, read_csv

from pipelines.campaigns.delivery import make_deliveries
from pipelines.store.deliveries import Delivery

# Few addresses for many customers: what goes wrong goes wrong where two have had one.
CUSTOMERS = tuple("abcdef")
EMAILS = ("one@example.org", "t.w.o+x@gmail.com", "two@gmail.com", None)
PHONES = ("+12015550101", "+12015550102", None)
SEGMENTS = ("lapsing", "at_risk")
PLATFORMS = ("meta", "google_ads", "yandex", "yandex_api", "tiktok")
CRMS = ("mautic", "unisender", "mindbox")
FIELDS = {"mindbox": ("loyalty_crm", "ExternalId"), "mautic": ("loyalty_crm",), "unisender": ("loyalty_crm",)}
ADDRESS = {"mautic": "email", "unisender": "email", "mindbox": "Email"}
NAMES, ON = st.sampled_from(CUSTOMERS), st.sampled_from(("email", "sms", "ads"))
EVENTS = st.one_of(
    st.tuples(st.just("moves"), NAMES, st.sampled_from(SEGMENTS)),
    st.tuples(st.just("moves"), NAMES, st.just("lapsing")),
    st.tuples(st.just("comes_back_as"), NAMES, NAMES),
    st.tuples(st.just("changes_address"), NAMES, st.sampled_from(EMAILS), st.sampled_from(PHONES)),
    st.tuples(st.just("answers"), NAMES, ON, st.booleans()),
    st.tuples(st.just("is_suppressed"), NAMES, ON),
    st.tuples(st.just("is_merged"), NAMES, NAMES),
    st.tuples(st.just("edits"), st.just("ads"), st.sampled_from(PLATFORMS)),
    st.tuples(st.just("edits"), st.just("crm"), st.sampled_from(CRMS)),
    st.tuples(st.just("edits"), st.just("segment"), st.sampled_from(SEGMENTS)),
    st.tuples(st.just("edits"), st.just("repeat"), st.sampled_from(("never", {"after_days": 2}))),
    st.tuples(st.just("holds"), st.sampled_from(("ads", "crm", "mail"))),
)
# After which step a night breaks off; None: it goes through.
STEPS = st.sampled_from((*(None,) * 9, "made", "committed", "sent one"))


@dataclass(frozen=True)
class Mailing:
    """One message; it may come again to its address or person after so many days, or never."""

    address: str
    customer: str
    night: date
    days: int | None


class Tools(RuleBasedStateMachine):
    """The shop, the tools, and what happened to each person."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.shop = CampaignShop(Path(self.folder.name))
        self.night = NIGHT
        self.platforms = {name: AdPlatform(name, checks_size=False) for name in PLATFORMS}
        self.crms = {name: ContactTool(name, FIELDS[name]) for name in CRMS}
        self.gateway = Gateway("phone")
        self.mailed: list[Mailing] = []
        self.imported: set[Path] = set()
        self.config: dict[str, Any] = {"ads": "meta", "crm": "mautic", "segment": "lapsing", "repeat": "never"}
        self.waiting: list[tuple[Delivery, NightLists]] = []
        self.is_open = False
        self.held: set[str] = set()

    def teardown(self) -> None:
        self.shop.con.close()
        self.folder.cleanup()

    @initialize(ads=st.sampled_from(PLATFORMS), crm=st.sampled_from(CRMS))
    def opens(self, ads: str, crm: str) -> None:
        self.config |= {"ads": ads, "crm": crm}
        for number, name in enumerate(CUSTOMERS):
            email, phone = EMAILS[number % len(EMAILS)], PHONES[number % len(PHONES)]
            self.shop.customer(name, *SEGMENTS[: number if number < 3 else 0], email=email, phone=phone)

    # --- what happens by day ---

    def moves(self, name: str, segment: str) -> None:
        con, row = self.shop.con, [name, segment]
        found = con.execute("DELETE FROM customer_segment WHERE customer_id = ? AND segment = ? RETURNING 1", row)
        if not found.fetchall():
            con.execute("INSERT INTO customer_segment VALUES (?, ?)", row)

    def changes_address(self, name: str, email: str | None, phone: str | None) -> None:
        self.shop.change(name, email=email, phone=phone)

    def answers(self, name: str, channel: str, consents: bool) -> None:
        self.shop.con.execute(f"UPDATE customer SET {channel}_consent = ? WHERE customer_id = ?", [consents, name])

    def is_suppressed(self, name: str, channel: str) -> None:
        self.shop.con.execute("INSERT INTO suppressed_channel VALUES (?, ?)", [name, channel])

    def is_merged(self, account: str, person: str) -> None:
        con = self.shop.con
        known = con.execute("SELECT 1 FROM customer_identity WHERE ? IN (source_customer_id, customer_id)", [account])
        if account != person and not known.fetchone() and self._person(person) == person:
            con.execute("INSERT INTO customer_identity VALUES (?, ?)", [account, person])
            con.execute("DELETE FROM customer WHERE customer_id = ?", [account])
            self._takes_segments_of(account, person)

    def comes_back_as(self, old: str, new: str) -> None:
        """Somebody joins once more, with another id and the same addresses, and is another customer to everybody."""
        found = self.shop.con.execute("SELECT email, phone FROM extract WHERE customer_id = ?", [old]).fetchone()
        if old != new and found:
            self.shop.change(new, email=found[0], phone=found[1])
            self._takes_segments_of(old, new)

    def _takes_segments_of(self, old: str, new: str) -> None:
        con = self.shop.con
        con.execute("DELETE FROM customer_segment WHERE customer_id = ?", [new])
        con.execute("UPDATE customer_segment SET customer_id = ? WHERE customer_id = ?", [new, old])

    def edits(self, field: str, value: Any) -> None:
        self.config[field] = value

    def holds(self, name: str) -> None:
        self.held ^= {name}

    # --- nights ---

    @rule(
        events=st.lists(EVENTS, min_size=2, max_size=6),
        is_next=st.sampled_from((True, True, False)),
        breaks_off_after=STEPS,
    )
    def night_runs(self, events: list[tuple[str, Any]], is_next: bool, breaks_off_after: str | None) -> None:
        for name, *arguments in events:
            getattr(self, name)(*arguments)
        self.night += timedelta(is_next)
        self._run(breaks_off_after)

    @rule()
    def is_released(self) -> None:
        if self.is_open:  # a night that broke off is to be run again first
            return
        for delivery, lists in self.waiting:
            if delivery.note.run_date == self.night and not delivery.is_sent:
                self._send(delivery)
                self._import()
                self.expect(delivery.note.campaign_id, lists)
        self.waiting.clear()

    def _run(self, breaks_off_after: str | None) -> None:
        self.is_open = breaks_off_after is not None
        shop, kept = self.shop, {(d.note.campaign_id, d.number) for d, _ in self.waiting}
        for name in shop.deliveries.campaigns():  # what opening a night does
            shop.deliveries.discard(name, kept={number for campaign_id, number in kept if campaign_id == name})
            shop.deliveries.forget_old(name)
        config = self._campaigns()
        lists = shop.lists(config, self.night, held=self.held)
        made = make_deliveries(
            shop.con, lists.made, config, SETTINGS, self.night, shop.deliveries, {name: ["held"] for name in self.held}
        )
        if breaks_off_after == "made":
            return
        self._store("campaign_assignment", lists.campaign_assignment)
        self.waiting = [(each.delivery, lists) for each in made if each.delivery.note.held]
        leaving = [each.delivery for each in made if each.delivery.note.held is None and not each.delivery.is_sent]
        if breaks_off_after == "committed":
            leaving = []
        for delivery in leaving[: 1 if breaks_off_after == "sent one" else None]:
            self._send(delivery)
        self._import()
        for name in ("ads", "crm"):
            if breaks_off_after is None and name not in self.held:
                self.expect(name, lists)

    def _store(self, name: str, table: Any) -> None:
        self.shop.con.register("stored", table)
        self.shop.con.execute(f"CREATE OR REPLACE TABLE history.{name} AS FROM stored")
        self.shop.con.unregister("stored")

    def _campaigns(self) -> Any:
        segment = self.config["segment"]
        return campaigns_of(
            campaign("ads", segment=segment, channels=[{"channel": "ads", "target": self.config["ads"]}]),
            campaign(
                "crm", segment=segment, mode="audience", channels=[{"channel": "email", "target": self.config["crm"]}]
            ),
            campaign(
                "mail",
                control_share=0.3,
                repeat=self.config["repeat"],
                channels=[
                    {"channel": "email", "target": "unisender", "fields": {"customer": "customer_id"}},
                    {"channel": "sms", "target": "sms", "fields": {"customer": "customer_id"}},
                ],
            ),
        )

    def _send(self, delivery: Delivery) -> None:
        folder = self.shop.out_dir / f"{delivery.note.run_date}" / delivery.note.campaign_id
        folder.parent.mkdir(exist_ok=True)
        if folder.exists():
            folder = next(path for number in range(2, 100) if not (path := folder / f"{number}").exists())
        self.shop.deliveries.send(delivery, folder)

    # --- the tools ---

    def _import(self) -> None:
        """Every folder that is new in exports/, the earliest first, as a person would take it from its manifest."""
        found = [path for path in self.shop.out_dir.rglob("manifest.json") if "deliveries" not in path.parts]
        new = sorted(set(found) - self.imported, key=lambda path: (path.stat().st_ctime_ns, path))
        for path in new:
            manifest = json.loads(path.read_bytes())
            files = [file for channel in manifest["channels"] for file in channel["files"]]
            for kind in ("list", "removals"):
                for file in (file for file in files if file["kind"] == kind):
                    self._take(manifest["campaign_id"], path.parent / file["path"], file)
        self.imported |= set(new)

    def _take(self, campaign_id: str, path: Path, file: dict[str, Any]) -> None:
        name = file["target"]
        if campaign_id == "mail":
            self._deliver(path, name)
        elif campaign_id == "ads":
            tool = self.platforms[name]
            tool.import_list(path) if file["kind"] == "list" else tool.import_removals(path)
        else:
            self.crms[name].import_list(path)

    def _deliver(self, path: Path, name: str) -> None:
        """A sending reaches everybody in its file."""
        _, rows = read_csv(path)
        assert "removals" not in path.name
        header, days = "phone" if name == "sms" else "email", self.config["repeat"]
        days = days["after_days"] if isinstance(days, dict) else None
        mailings = [Mailing(row[header], row["customer"], self.night, days) for row in rows]
        for new in mailings:
            for old in self.mailed:
                is_same = old.address == new.address or self._person(old.customer) == self._person(new.customer)
                is_due = new.days is not None and (new.night - old.night).days >= new.days
                assert not is_same or is_due, (old, new)
        self.mailed += mailings

    def _person(self, customer: str) -> str:
        found = self.shop.con.execute(
            "SELECT customer_id FROM customer_identity WHERE source_customer_id = ?", [customer]
        ).fetchone()
        return found[0] if found else customer

    def expect(self, campaign_id: str, lists: NightLists) -> None:
        """The tools hold what tonight's list has, and the tools of earlier targets nothing."""
        listed = [row for row in lists.listed.to_pylist() if row["campaign_id"] == campaign_id]
        if campaign_id == "ads":
            for name, tool in self.platforms.items():
                assert tool.members == tool.members_of(row for row in listed if row["target"] == name), name
        if campaign_id == "crm":
            for name, crm in self.crms.items():
                wanted = {row["email"] for row in listed if row["target"] == name}
                held = {
                    row[ADDRESS[name]]
                    for row in crm.contacts
                    if row.get("loyalty_crm") == "1" and row.get(ADDRESS[name])
                }
                assert held == wanted, name


TestTools = Tools.TestCase
TestTools.settings = settings(
    max_examples=8, stateful_step_count=16, deadline=None, suppress_health_check=list(HealthCheck)
)

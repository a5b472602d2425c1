"""A shop's night in memory for tests of campaigns: customers, what earlier nights stored, tonight's lists and files."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from pipelines.campaigns.config import Campaigns, ContactCap
from pipelines.campaigns.delivery import Made, make_deliveries
from pipelines.campaigns.manifest import ExportFile
from pipelines.campaigns.selection import Change, Lists, campaign_lists, settle
from pipelines.campaigns.sent import give_sent
from pipelines.intake.addresses import register_functions
from pipelines.settings import Settings
from pipelines.store.deliveries import Deliveries, Delivery

NIGHT = date(2025, 3, 10)
SETTINGS = Settings(control_salt="salt", timezone="Europe/Berlin")
CONSENTS = ("email", "sms", "push", "messenger", "call", "ads")
TABLES = """
CREATE SCHEMA history;
CREATE TABLE customer (customer_id VARCHAR, is_deleted BOOLEAN, email_consent BOOLEAN, sms_consent BOOLEAN,
    push_consent BOOLEAN, messenger_consent BOOLEAN, call_consent BOOLEAN, ads_consent BOOLEAN,
    unsubscribed_channels VARCHAR);
CREATE TABLE extract (customer_id VARCHAR, name VARCHAR, first_name VARCHAR, last_name VARCHAR,
    middle_name VARCHAR, email VARCHAR, phone VARCHAR, push_token VARCHAR,
    messenger_id VARCHAR);
CREATE VIEW crm_customers_personal AS
SELECT *, normal_email(email) AS email_normal, normal_phone(phone) AS phone_normal
FROM (SELECT NULLIF(TRIM(COLUMNS(*)), '') FROM extract);
CREATE TABLE customer_identity (source_customer_id VARCHAR, customer_id VARCHAR);
CREATE TABLE customer_segment (customer_id VARCHAR, segment VARCHAR);
CREATE TABLE customer_segment_history (customer_id VARCHAR, segment VARCHAR, valid_from DATE, valid_to DATE);
CREATE TABLE customer_channel (customer_id VARCHAR, chosen_channel VARCHAR);
CREATE TABLE suppressed_channel (customer_id VARCHAR, channel VARCHAR);
CREATE TABLE contact (customer_id VARCHAR, campaign_id VARCHAR, channel VARCHAR, sent_date DATE);
CREATE TABLE customer_360 (customer_id VARCHAR, favourite_category VARCHAR, points_balance DECIMAL(18,2),
    region VARCHAR, last_order_date DATE);
CREATE TABLE campaigns (campaign_id VARCHAR, starts_on DATE, window_days BIGINT, control_share DOUBLE);
CREATE TABLE campaign_member (campaign_id VARCHAR, customer_id VARCHAR, channel VARCHAR, arm VARCHAR,
    assigned_at TIMESTAMPTZ, assigned_date DATE, landing_date DATE);
CREATE TABLE history.campaign_assignment (campaign_id VARCHAR, customer_id VARCHAR, channel VARCHAR, arm VARCHAR,
    assigned_at TIMESTAMPTZ, assigned_date DATE, window_days BIGINT, control_share DOUBLE, source VARCHAR);
CREATE TABLE history.campaign_delivery (campaign_id VARCHAR, channel VARCHAR, list_date DATE);
CREATE TABLE history.campaign_list (campaign_id VARCHAR, channel VARCHAR, target VARCHAR, customer_id VARCHAR);
CREATE TABLE history.crm_customers_personal (customer_id VARCHAR, email_normal VARCHAR, phone_normal VARCHAR,
    push_token VARCHAR, messenger_id VARCHAR);
"""
QUERIES = {
    "campaign_assignment": "FROM list_assignment",
    "campaign_list": "FROM list_listed",
    "campaign_exclusion": "FROM list_left_out",
    "members": """SELECT campaign_id, channel, customer_id, arm
        FROM list_decision JOIN list_channel USING (list_number) WHERE is_turn""",
    "listed": "SELECT * EXCLUDE (list_number) FROM list_entry",
    "removals": "FROM list_removal",
}


@dataclass(frozen=True)
class NightLists:
    """A night's lists, taken out of the database; members are those held back as control too."""

    made: Lists
    campaigns: Campaigns
    night: date
    held: Collection[str]
    campaign_assignment: pa.Table
    campaign_list: pa.Table
    campaign_exclusion: pa.Table
    members: pa.Table
    listed: pa.Table
    removals: pa.Table

    @property
    def exclusions(self) -> pa.Table:
        return self.made.exclusions

    @property
    def bad_values(self) -> pa.Table:
        return self.made.bad_values

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.made.changes


class CampaignShop:
    """One night after another in memory, and the folder that they are exported to."""

    def __init__(self, out_dir: Path) -> None:
        self.con = duckdb.connect(config={"threads": 1})
        self.con.execute("SET TimeZone = 'Europe/Berlin'")
        register_functions(self.con, "US")
        self.con.execute(TABLES)
        self.out_dir = out_dir
        self.deliveries = Deliveries(out_dir / "deliveries")

    def customer(self, customer_id: str, *segments: str, is_deleted: bool = False, **values: Any) -> None:
        """A customer who consents to everything and has every address, unless told otherwise."""
        number = int(hashlib.md5(customer_id.encode()).hexdigest(), 16) % 10_000
        personal = {
            "name": None,
            "first_name": None,
            "last_name": None,
            "middle_name": None,
            "email": f"{customer_id}@example.org",
            "phone": f"+1 201 555 {number:04d}",
            "push_token": f"token-{customer_id}",
            "messenger_id": f"m-{customer_id}",
        }
        consents = dict.fromkeys(CONSENTS, True)
        consents |= {name.removesuffix("_consent"): value for name, value in values.items() if "consent" in name}
        personal |= {name: value for name, value in values.items() if name in personal}
        known = [values.get("category", "Tea"), values.get("points", 5)]
        self.con.execute(
            "INSERT INTO customer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [customer_id, is_deleted, *consents.values(), values.get("unsubscribed_channels")],
        )
        self.con.execute("INSERT INTO extract VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", [customer_id, *personal.values()])
        self.con.execute("INSERT INTO customer_360 VALUES (?, ?, ?, 'East', '2025-01-31')", [customer_id, *known])
        for segment in segments:
            self.con.execute("INSERT INTO customer_segment VALUES (?, ?)", [customer_id, segment])

    def customers(self, *rows: tuple[Any, ...]) -> None:
        """Customers of segment 'lapsing': id, name, e-mail, phone, favourite category, points."""
        for customer_id, name, email, phone, category, points in rows:
            values = {"name": name, "email": email, "phone": phone, "category": category, "points": points}
            self.customer(customer_id, "lapsing", **values)

    def leave(self, customer_id: str) -> None:
        self.con.execute("DELETE FROM customer_segment WHERE customer_id = ?", [customer_id])

    def change(self, customer_id: str, **values: str | None) -> None:
        for name, value in values.items():
            self.con.execute(f"UPDATE extract SET {name} = ? WHERE customer_id = ?", [value, customer_id])

    def lists(
        self,
        campaigns: Campaigns,
        night: date = NIGHT,
        settings: Settings = SETTINGS,
        held: Collection[str] = (),
        upgraded_from: date | None = None,
    ) -> NightLists:
        """A night's lists. As the night opens, what was made, not sent and waits for nobody is removed."""
        for name in self.deliveries.campaigns():
            waiting = self.deliveries.waiting(name)
            self.deliveries.discard(name, kept={waiting.number} if waiting else set())
            self.deliveries.forget_old(name)
        sent = [delivery for name in self.deliveries.campaigns() if (delivery := self.deliveries.last_sent(name))]
        give_sent(self.con, sent, upgraded_from)
        made = campaign_lists(self.con, campaigns, settings, night, set(held) - {c.id for c in campaigns.campaigns})
        settle(self.con, held)
        tables = {name: self.con.execute(f"{query} ORDER BY ALL").to_arrow_table() for name, query in QUERIES.items()}
        return NightLists(made=made, campaigns=campaigns, night=night, held=held, **tables)

    def make(self, lists: NightLists) -> list[Made]:
        """Store what `lists` just made and make its deliveries; nothing is sent."""
        self.con.register("stored", lists.campaign_assignment)
        self.con.execute("CREATE OR REPLACE TABLE history.campaign_assignment AS FROM stored")
        self.con.unregister("stored")
        holds = {name: ["held"] for name in lists.held}
        made = make_deliveries(self.con, lists.made, lists.campaigns, SETTINGS, lists.night, self.deliveries, holds)
        for row in (row for each in made for row in each.rows()):
            values = [row["campaign_id"], row["channel"], row["list_date"]]
            self.con.execute("INSERT INTO history.campaign_delivery VALUES (?, ?, ?)", values)
        return made

    def send(self, delivery: Delivery) -> None:
        """Send a delivery to the night's folder or, if something was sent there, to a numbered one in it."""
        night = self.out_dir / f"{delivery.note.run_date}"
        night.mkdir(exist_ok=True)
        folder = night / delivery.note.campaign_id
        if folder.exists():
            folder = next(path for number in range(2, 100) if not (path := folder / f"{number}").exists())
        self.deliveries.send(delivery, folder)

    def commit(self, lists: NightLists) -> list[Made]:
        """Store and send what `lists` just made, so that the next night finds it."""
        made = self.make(lists)
        for delivery in (each.delivery for each in made):
            if not delivery.is_sent and delivery.note.held is None:
                self.send(delivery)
        return made

    def write(
        self,
        *campaigns: dict[str, Any],
        held: Collection[str] = (),
        night: date = NIGHT,
        cap: ContactCap | None = None,
    ) -> list[Made]:
        """Make and send a night's lists."""
        return self.commit(self.lists(campaigns_of(*campaigns, cap=cap), night, held=held))

    def release(self, campaign_id: str = "win_back") -> None:
        """Send the delivery that waits."""
        waiting = self.deliveries.waiting(campaign_id)
        assert waiting is not None
        self.send(waiting)

    def consent(self, channel: str, given: bool | None, *customer_ids: str) -> None:
        """Change what customers consent to."""
        for customer_id in customer_ids:
            self.con.execute(f"UPDATE customer SET {channel}_consent = ? WHERE customer_id = ?", [given, customer_id])

    def merge(self, account: str, person: str) -> None:
        """An account turns out to be a person's: the person alone goes on."""
        self.con.execute("INSERT INTO customer_identity VALUES (?, ?)", [account, person])
        for table in ("customer", "customer_segment", "customer_360"):
            self.con.execute(f"DELETE FROM {table} WHERE customer_id = ?", [account])

    def sent_files(self, night: date = NIGHT) -> list[str]:
        """Files of a night in exports/, but for manifests."""
        folder = self.out_dir / f"{night}"
        found = (path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
        return sorted(path.relative_to(folder).as_posix() for path in found)

    def text(self, name: str, night: date = NIGHT) -> str:
        return (self.out_dir / f"{night}" / name).read_bytes().decode()

    def manifest(self, campaign_id: str = "win_back") -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text(f"{campaign_id}/manifest.json"))
        return found


def campaign(campaign_id: str = "win_back", **values: Any) -> dict[str, Any]:
    """A campaign of segment 'lapsing' by e-mail without control, unless told otherwise. It is a sending."""
    return {
        "id": campaign_id,
        "name": campaign_id,
        "segment": "lapsing",
        "priority": 1,
        "window_days": 30,
        "control_share": 0,
        "channels": [{"channel": "email", "target": "unisender"}],
    } | values


def campaign_on(channel: str, target: str, fields: dict[str, Any] | None = None, **values: Any) -> dict[str, Any]:
    """A campaign of one channel."""
    return campaign(channels=[{"channel": channel, "target": target, "fields": fields or {}}]) | values


def campaigns_of(*campaigns: dict[str, Any], cap: ContactCap | None = None) -> Campaigns:
    return Campaigns.model_validate({"contact_cap": cap, "campaigns": list(campaigns)})


def files_of(made: Iterable[Made]) -> list[ExportFile]:
    """The files of a night's deliveries."""
    return [file for each in made for file in each.files]


def left_out(lists: NightLists) -> dict[tuple[str, str, str], int]:
    """Customers by campaign, channel and reason, reasons without anyone left away."""
    rows = lists.exclusions.to_pylist()
    return {(r["campaign_id"], r["channel"], r["reason"]): r["customer_count"] for r in rows if r["customer_count"]}


def reasons(lists: NightLists) -> list[tuple[str, str, str, str | None]]:
    """Campaign, customer, reason and deciding campaign of those who are on no list, as stored; on one channel."""
    names = ("campaign_id", "customer_id", "reason", "decided_by")
    return [tuple(row[name] for name in names) for row in lists.campaign_exclusion.to_pylist()]


def listed(lists: NightLists) -> list[tuple[str, str, str]]:
    """Campaign, channel and customer of who is on a list that leaves tonight, as stored."""
    return [(row["campaign_id"], row["channel"], row["customer_id"]) for row in lists.campaign_list.to_pylist()]


def removals(lists: NightLists) -> list[tuple[Any, ...]]:
    """Campaign, channel, target, customer and address of what leaves the tools."""
    rows = lists.removals.to_pylist()
    return [(r["campaign_id"], r["channel"], r["target"], r["customer_id"], r["email"] or r["phone"]) for r in rows]


def members(lists: NightLists) -> list[tuple[str, str, str, str]]:
    """Campaign, channel, customer and arm of those who are in a campaign tonight."""
    return [tuple(row.values()) for row in lists.members.to_pylist()]


def assignments(lists: NightLists) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in lists.campaign_assignment.to_pylist()]


def is_control(campaign_id: str, customer_id: str, share: float) -> bool:
    """The published rule of the draw."""
    digest = hashlib.sha256(f"salt:{campaign_id}:{customer_id}".encode()).hexdigest()
    return int(digest[:12], 16) < share * 16**12


def sha(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()

"""Deliveries after an erasure: who is told to the tools, what waits, and what a broken-off erasure leaves."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

import pyarrow.parquet as pq
import pytest
from campaign_shop import NIGHT, CampaignShop, campaign, campaigns_of, sha
from conftest import Retailer
from two_people import contents

from pipelines.privacy import erase as erasing
from pipelines.privacy import exports, lake_files
from pipelines.privacy.erase import Outcome, erase
from pipelines.settings import load_settings
from pipelines.store.deliveries import Deliveries, Delivery

CRM = "customer_id,registered_at,email,phone\n"
PHONE = "+12015550123"
CAMPAIGNS = (
    campaign(
        "club",
        mode="audience",
        channels=[{"channel": "email", "target": "mautic"}, {"channel": "ads", "target": "google_ads"}],
    ),
    campaign("sale"),
    campaign("text", channels=[{"channel": "sms", "target": "sms", "fields": {"ref": "customer_id"}}]),
    campaign("wait", channels=[{"channel": "sms", "target": "sms"}, {"channel": "email", "target": "unisender"}],
             use_channels="all"),
)  # fmt: skip


@dataclass
class Home:
    """A home with a night's deliveries; the campaigns of `held` wait."""

    retailer: Retailer
    shop: CampaignShop

    def erase(self) -> Outcome:
        return erase("12", self.retailer.settings)

    def last(self, campaign_id: str) -> Delivery:
        return self.shop.deliveries.of(campaign_id)[-1]

    def removals(self, outcome: Outcome) -> dict[str, list[str]]:
        assert outcome.removals is not None
        files = sorted(outcome.removals.glob("*/*.csv"))
        return {file.relative_to(outcome.removals).as_posix(): file.read_text().splitlines() for file in files}

    def campaign_files(self) -> dict[str, bytes]:
        """All that an erasure may change of exports and deliveries."""
        places = ("exports/2", "lake/deliveries/")
        return {name: raw for name, raw in contents(self.retailer.home).items() if name.startswith(places)}


@pytest.fixture
def home(retailer: Retailer, tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Ann (12) and Bob (2) share a phone; today Ann has another e-mail address than when the lists were sent."""
    (tmp_path / "broken.yaml").write_text("campaigns: {\n")
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(tmp_path / "broken.yaml"))
    load_settings.cache_clear()
    today = f"12,2017-01-01,ann@new.example.org,{PHONE}\n2,2017-01-01,bob@example.org,{PHONE}\n"
    for day, rows in (("2017-12-01", today.replace("@new", "@old")), ("2017-12-02", today)):
        retailer.deliver(day, crm_customers=CRM + rows)
    retailer.load("2017-12-02", upto=("staging",))
    shop = CampaignShop(retailer.home / "exports")
    shop.deliveries = Deliveries(retailer.home / "lake" / "deliveries")
    for customer, email in (("12", "ann@old.example.org"), ("2", "bob@example.org")):
        shop.customer(customer, "lapsing", email=email, phone=PHONE)
    shop.out_dir.mkdir(exist_ok=True)
    shop.commit(shop.lists(campaigns_of(*CAMPAIGNS), held=["wait"]))
    exports.write_night_manifest(retailer.settings, NIGHT, ["wait"])
    yield Home(retailer, shop)


def test_each_tool_is_told_the_address_that_it_was_sent_unless_another_member_has_it(home):
    """A fault in the campaign file stops nobody; a tool that keeps no list gets no file."""
    outcome = home.erase()
    assert home.removals(outcome) == {
        "club/ads_removals.google_ads.csv": [
            "Email,Phone,First Name,Last Name,Country,Zip",
            f"{sha('ann@old.example.org')},,,,,",
        ],
        "club/email_removals.mautic.csv": ["email,doNotEmail,loyalty_club", "ann@old.example.org,1,0"],
        "sale/email_removals.unisender.csv": ["email,loyalty_sale", "ann@old.example.org,0"],
    }
    manifest = json.loads((outcome.removals / "manifest.json").read_text())
    assert [(entry["campaign_id"], entry["channel"]) for entry in manifest["by_hand"]] == [
        ("club", "email"), ("sale", "email"), ("text", "sms"),
    ]  # fmt: skip


def test_who_is_control_was_in_no_tool(home):
    members = home.last("sale").members
    table = pq.read_table(members).to_pylist()
    changed = [row | {"arm": "control", "email": None} if row["customer_id"] == "12" else row for row in table]
    pq.write_table(type(pq.read_table(members)).from_pylist(changed, pq.read_schema(members)), members)
    assert [name for name in home.removals(home.erase()) if name.startswith("sale")] == []


def test_lists_are_without_them_whatever_column_names_them(home):
    """A column that the campaign named has the id, and the campaign file no longer says so."""
    night = home.shop.out_dir / f"{NIGHT}"
    assert (night / "text" / "sms.csv").read_text().splitlines() == ["phone,ref", f"{PHONE},12"]
    assert home.erase().found == ()
    assert (night / "text" / "sms.csv").read_text().splitlines() == ["phone,ref"]
    assert (night / "sale" / "email.csv").read_text().splitlines() == [
        "email,loyalty_sale",
        f"bob@example.org,{NIGHT}",
    ]
    manifest = json.loads((night / "manifest.json").read_text())
    assert manifest["held"] == ["wait"]
    rows = {
        file["path"]: (channel["listed"], file["rows"])
        for campaign in manifest["campaigns"]
        for channel in campaign["channels"]
        for file in channel["files"]
    }
    assert rows == {
        "club/ads.csv": (1, 1), "club/email.csv": (1, 1), "sale/email.csv": (1, 1), "text/sms.csv": (0, 0),
    }  # fmt: skip


def test_every_delivery_is_without_them_and_stays_sent_or_unsent(home):
    """Also at an address that is another customer's too: the delivery knows on whose behalf the list has it."""
    waiting = home.last("wait").files
    assert (waiting / "sms.csv").read_text().splitlines() == ["phone", PHONE]
    home.erase()
    assert [(delivery.note.campaign_id, delivery.is_sent) for delivery in home.shop.deliveries.all()] == [
        ("club", True), ("sale", True), ("text", True), ("wait", False),
    ]  # fmt: skip
    assert (waiting / "sms.csv").read_text().splitlines() == ["phone"]
    assert (waiting / "email.csv").read_text().splitlines() == ["email,loyalty_wait", f"bob@example.org,{NIGHT}"]
    channels = json.loads((waiting / "manifest.json").read_text())["channels"]
    assert [(each["listed"], each["files"][0]["rows"]) for each in channels] == [(1, 1), (0, 0)]
    for delivery in home.shop.deliveries.all():
        for path in (delivery.members, delivery.eligible, delivery.assignments):
            assert "12" not in pq.read_table(path)["customer_id"].to_pylist()
    assert pq.read_table(home.last("sale").members)["customer_id"].to_pylist() == ["2"]


def test_a_delivery_has_the_hash_of_its_list_as_it_now_is(home):
    home.erase()
    files = ("ads.csv", "email.csv")
    folder = home.shop.out_dir / f"{NIGHT}" / "club"
    hashes = {name: sha256((folder / name).read_bytes()).hexdigest() for name in files}
    assert home.last("club").note.lists == hashes


def test_what_a_person_wrote_to_hold_a_campaign_back_is_without_them(home):
    home.shop.deliveries.hold("sale", "bob asked; ann@old.example.org too")
    assert home.erase().found == ()
    assert home.shop.deliveries.held_by_person() == {"sale": "bob asked; [erased] too"}


def _break_off(monkeypatch: pytest.MonkeyPatch, module, name: str, calls: int) -> None:
    """Let a function of a module break off when it has been called that often."""
    function, made = getattr(module, name), []

    def breaks_off(*arguments, **named):
        made.append(1)
        if len(made) > calls:
            raise KeyboardInterrupt
        return function(*arguments, **named)

    monkeypatch.setattr(module, name, breaks_off)


def test_an_erasure_that_was_broken_off_anywhere_ends_as_if_it_had_not_been(home, monkeypatch):
    places = [
        (erasing, "redact_campaign_files", 0),
        *[(exports, "write_atomically", 2)] * 5,  # of 11: six lists, a delivery's hashes, four manifests
        (exports, "write_night_manifest", 0),
        (lake_files, "redact_parquet", 1),
        (erasing, "rewrite_lake", 0),
    ]
    for module, name, calls in places:
        with monkeypatch.context() as patch:
            _break_off(patch, module, name, calls)
            with pytest.raises(KeyboardInterrupt):
                home.erase()
    outcome = home.erase()
    assert outcome.found == ()
    broken, told = home.campaign_files(), home.removals(outcome)
    assert len(told) == 3
    assert not [name for name in broken if "/." in name]
    for campaign_id in ("club", "sale", "text", "wait"):
        delivery = home.last(campaign_id)
        folder = home.shop.out_dir / f"{NIGHT}" / campaign_id if delivery.is_sent else delivery.files
        for channel in json.loads((folder / "manifest.json").read_text())["channels"]:
            (file,) = channel["files"]
            raw = (folder / file["path"]).read_bytes()
            assert (file["sha256"], file["rows"]) == (sha256(raw).hexdigest(), len(raw.splitlines()) - 1)
            assert channel["listed"] == file["rows"]
            assert delivery.note.lists.get(file["path"], file["sha256"]) == file["sha256"]

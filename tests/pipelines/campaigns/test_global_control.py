"""The global control group: who gets no campaign at all in a year, so that all campaigns together can be measured."""

import hashlib
from datetime import date
from pathlib import Path
from typing import Any

from campaign_shop import CampaignShop, NightLists, campaign, campaigns_of, is_control, listed, members, reasons

from pipelines.campaigns.config import Campaigns, ContactCap
from pipelines.campaigns.global_control import global_control_draws
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Lake

SHARE = 0.3
CUSTOMERS = [f"c{number}" for number in range(200)]
PUSH: dict[str, Any] = {"channels": [{"channel": "push", "target": "push"}]}


def drawn(year: int) -> set[str]:
    """The published rule of the draw."""

    def is_drawn(customer: str) -> bool:
        digest = hashlib.sha256(f"salt:programme:{year}:{customer}".encode()).hexdigest()
        return int(digest[:12], 16) < SHARE * 16**12

    return {customer for customer in CUSTOMERS if is_drawn(customer)}


def with_group(*campaigns: dict[str, Any], cap: ContactCap | None = None) -> Campaigns:
    return campaigns_of(*campaigns, cap=cap).model_copy(update={"global_control_share": SHARE})


def many(shop: CampaignShop) -> None:
    values = ", ".join(f"('{customer}')" for customer in CUSTOMERS)
    shop.con.execute(f"""
        INSERT INTO customer SELECT i, FALSE, TRUE, TRUE, TRUE, TRUE, TRUE, TRUE, NULL FROM (VALUES {values}) AS t (i);
        INSERT INTO extract BY NAME SELECT i AS customer_id, i AS push_token, i || '@example.org' AS email
            FROM (VALUES {values}) AS t (i);
        INSERT INTO customer_segment SELECT i, 'lapsing' FROM (VALUES {values}) AS t (i)""")


def in_group(lists: NightLists) -> dict[str, set[str]]:
    """Who is left out as of the group, by campaign."""
    found: dict[str, set[str]] = {}
    for campaign_id, customer, reason, _ in reasons(lists):
        if reason == "global_control_group":
            found.setdefault(campaign_id, set()).add(customer)
    return found


def test_the_group_is_in_no_campaign_sending_or_audience_and_in_neither_arm(shop: CampaignShop) -> None:
    many(shop)
    three = [campaign("x", control_share=0.5, **PUSH), campaign("y"), campaign("z", mode="audience")]
    lists = shop.lists(with_group(*three))
    assert in_group(lists) == dict.fromkeys("xyz", drawn(2025))
    for name in "xyz":
        assert {row[2] for row in members(lists) if row[0] == name} == set(CUSTOMERS) - drawn(2025)
    assigned = {row["customer_id"] for row in lists.campaign_assignment.to_pylist()}
    assert assigned == set(CUSTOMERS) - drawn(2025)


def test_without_a_share_nobody_is_in_it(shop: CampaignShop) -> None:
    many(shop)
    assert in_group(shop.lists(campaigns_of(campaign()))) == {}


def test_a_campaigns_own_draw_is_another_one(shop: CampaignShop) -> None:
    many(shop)
    lists = shop.lists(with_group(campaign("x", control_share=0.5, **PUSH)))
    own = {row[2] for row in members(lists) if row[3] == "control"}
    assert own == {c for c in CUSTOMERS if is_control("x", c, 0.5)} - drawn(2025)
    rest = len(CUSTOMERS) - len(drawn(2025))
    assert abs(len(own) - rest / 2) < 4 * (rest * 0.25) ** 0.5


def test_the_group_is_drawn_anew_each_year(shop: CampaignShop) -> None:
    many(shop)
    often = with_group(campaign("x", repeat={"after_days": 1}, **PUSH))
    for night in (date(2025, 12, 31), date(2026, 1, 1)):
        lists = shop.lists(often, night)
        shop.commit(lists)
        assert {customer for *_, customer in listed(lists)} == set(CUSTOMERS) - drawn(night.year)
    assert drawn(2025) != drawn(2026)


def test_who_is_drawn_leaves_an_audience_and_comes_back_when_the_year_is_over(shop: CampaignShop) -> None:
    many(shop)
    kept = with_group(campaign(mode="audience"))
    shop.commit(shop.lists(kept, date(2025, 12, 31)))
    lists = shop.lists(kept, date(2026, 1, 1))
    assert {row["customer_id"] for row in lists.removals.to_pylist()} == drawn(2026) - drawn(2025)
    shop.commit(lists)
    assert {customer for *_, customer in listed(lists)} == set(CUSTOMERS) - drawn(2026)


def test_the_group_takes_no_contact(shop: CampaignShop) -> None:
    many(shop)
    lists = shop.lists(with_group(campaign("x"), campaign("y", priority=2), cap=ContactCap(contacts=1, days=1)))
    assert in_group(lists) == {"x": drawn(2025), "y": drawn(2025)}
    assert {
        customer for name, customer, reason, by in reasons(lists) if (name, reason, by) == ("y", "priority", "x")
    } == (set(CUSTOMERS) - drawn(2025))


def test_each_draw_is_recorded_with_the_nights_that_used_it(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, home=tmp_path, threads=1)
    recorded = (
        "SELECT '2024' AS drawn_in, 0.3::DOUBLE AS control_share, 'other' AS salt_digest,"
        " DATE '2024-05-01' AS from_date, DATE '2024-12-31' AS to_date"
    )
    with DuckDBEngine(Lake(tmp_path).open_night(date(2025, 3, 1), "case"), settings) as engine:
        engine.register("history.global_control_draw", recorded)
        rows = global_control_draws(engine, 0.3, "salt", date(2025, 3, 1)).to_pylist()
        without = global_control_draws(engine, 0, "salt", date(2025, 3, 1)).to_pylist()
    assert without == rows[:1]
    assert [(row["drawn_in"], row["from_date"], row["to_date"]) for row in rows] == [
        ("2024", date(2024, 5, 1), date(2024, 12, 31)),
        ("2025", date(2025, 3, 1), date(2025, 3, 1)),
    ]

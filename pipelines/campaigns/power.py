"""What each campaign can show before it starts: its customers, what such customers buy, and the plan made of both."""

import math
from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from models.campaign.global_control import hash_below
from models.campaign.plan import METRICS, Planned, plan_rows
from pipelines.campaigns.config import Campaign, Campaigns
from pipelines.campaigns.config_file import read_campaign_file
from pipelines.campaigns.selection import make_step, make_table, usable_customers
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Night

# More customers than these tell no more of how purchases are spread.
SAMPLED_CUSTOMERS = 20_000
# A campaign without an end is planned for so many days.
_DAYS = 28
_POWER = pa.schema(
    [
        ("campaign_id", pa.string()),
        ("metric", pa.string()),
        ("window_days", pa.int64()),
        ("control_share", pa.float64()),
        ("candidate_count", pa.int64()),
        ("entrants_per_day", pa.float64()),
        ("planned_days", pa.int64()),
        ("customer_count", pa.int64()),
        ("basis", pa.string()),
        ("expected_mean", pa.float64()),
        ("expected_control_buyers", pa.float64()),
        ("detectable_effect", pa.float64()),
        ("detectable_lift", pa.float64()),
        ("break_even_effect", pa.float64()),
        ("wanted_effect", pa.float64()),
        ("needed_customers", pa.int64()),
        ("needed_days", pa.int64()),
        ("needed_control_share", pa.float64()),
        ("reason", pa.string()),
    ]
)
_PART = pa.schema([("campaign_number", pa.int64()), ("is_comparable", pa.bool_()), ("hash_below", pa.string())])


def campaign_power(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, pa.Table]:
    """Grain: campaign of the file that is not over, and metric. What it could show if it began with the next night."""
    file = read_campaign_file(settings.campaigns, content=night.campaign_file)
    rows = planned_power(engine.connection, file.campaigns, settings, night.run_date)
    return {"campaign_power": pa.Table.from_pylist(list(rows), schema=_POWER)}


def planned_power(
    con: duckdb.DuckDBPyConnection,
    campaigns: Campaigns,
    settings: Settings,
    run_date: date,
    asked: Collection[str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Rows of campaign_power, in order of the file.

    Args:
        con: Has customer, customer_day, customer_segment, customer_segment_history, suppressed_channel, contact,
            crm_customers_personal and campaigns (the extract).
        campaigns: From the campaign file.
        settings: Of the home.
        run_date: The night.
        asked: Ids of the campaigns to plan; None for all that are not over.
    """
    chosen = [
        each
        for each in campaigns.campaigns
        if (each.ends_on is None or each.ends_on > run_date) and (asked is None or each.id in asked)
    ]
    if not chosen:
        return
    usable_customers(con, campaigns.model_copy(update={"campaigns": chosen}), settings, run_date)
    for step in ("planned_candidate", "planned_comparable"):
        make_step(con, step)
    sizes = _sizes(con)
    _take_parts(con, sizes)
    make_step(con, "planned_customer")
    make_step(con, "planned_bought")
    facts = _Facts(con, sizes, run_date)
    for campaign in chosen:
        yield from plan_rows(facts.of(campaign))


class _Facts:
    """What the planned campaigns' plans are made of."""

    def __init__(self, con: duckdb.DuckDBPyConnection, sizes: Mapping[int, tuple[int, int]], run_date: date) -> None:
        self.con, self.sizes, self.run_date = con, sizes, run_date
        self.numbers = dict(con.execute("SELECT DISTINCT campaign_id, campaign_number FROM list_channel").fetchall())
        self.members = _pairs(con, "SELECT campaign_number, COUNT(*) FROM list_member GROUP BY ALL")
        self.sampled = _pairs(con, "SELECT campaign_number, COUNT(*) FROM list_planned_customer GROUP BY ALL")
        make_step(con, "planned_entry")
        make_step(con, "planned_cost")
        make_step(con, "planned_channel")
        self.entries = {row[0]: row[1:] for row in con.execute("FROM list_planned_entry").fetchall()}
        self.costs = {
            name: float(cost) / count for name, count, cost in con.execute("FROM list_planned_cost").fetchall()
        }
        self.fixed = _pairs(con, "SELECT campaign_id, cost_amount FROM campaigns WHERE cost_amount IS NOT NULL")
        [(self.first_day,)] = con.execute("SELECT MIN(business_date) FROM customer_day").fetchall()

    def of(self, campaign: Campaign) -> Planned:
        number = self.numbers[campaign.id]
        candidates, _ = self.sizes.get(number, (0, 0))
        cost, why_no_cost = self._contact_cost(number, candidates)
        why_unknown = self._why_unknown(campaign)
        return Planned(
            campaign_id=campaign.id,
            window_days=campaign.window_days,
            control_share=campaign.control_share,
            candidates=candidates,
            per_day=self._per_day(number, candidates),
            days=self._days(campaign),
            values={} if why_unknown else self._values(number),
            basis=None if why_unknown or not candidates else _basis(self.sizes[number], campaign.window_days),
            contact_cost=cost,
            fixed_cost=float(self.fixed.get(campaign.id, 0)),
            why_unknown=why_unknown,
            why_no_cost=why_no_cost,
        )

    def _days(self, campaign: Campaign) -> int:
        begin = max(campaign.starts_on or self.run_date, self.run_date + timedelta(1))
        return (campaign.ends_on - begin).days + 1 if campaign.ends_on else _DAYS

    def _why_unknown(self, campaign: Campaign) -> str:
        begin = self.run_date - timedelta(campaign.window_days - 1)
        if self.first_day is None or self.first_day > begin:
            since = "there are no receipts" if self.first_day is None else f"the data begin on {self.first_day}"
            return f"what was bought in the {campaign.window_days} days before is unknown: {since}"
        return ""

    def _per_day(self, number: int, candidates: int) -> float:
        """Who come in a day and can be written to, if as many of them can as of tonight's members."""
        nights, entered = self.entries.get(number, (0, 0))
        members = self.members.get(number, 0)
        return entered / nights * candidates / members if nights and members else math.nan

    def _contact_cost(self, number: int, candidates: int) -> tuple[float, str]:
        lists = self.con.execute(
            """SELECT channel, customer_count FROM list_planned_channel
            WHERE campaign_number = $number AND customer_count > 0 ORDER BY channel""",
            {"number": number},
        ).fetchall()
        unknown = [channel for channel, _ in lists if channel not in self.costs]
        if unknown or not lists:
            channels = ", ".join(unknown)
            return math.nan, f"no cost of a contact is on record in the last year: {channels}" if unknown else ""
        return sum(self.costs[channel] * count for channel, count in lists) / candidates, ""

    def _values(self, number: int) -> dict[str, np.ndarray]:
        """What each sampled customer bought, by metric; margin is unknown as a whole if it is for one of them."""
        bought = self.con.execute(
            """SELECT order_count, revenue, gross_margin FROM list_planned_bought
            WHERE campaign_number = $number ORDER BY customer_id""",
            {"number": number},
        ).fetchall()
        total = self.sampled.get(number, 0)
        if not total:
            return {}
        values = np.zeros((total, len(METRICS)))
        if bought:
            orders, revenue, margin = (
                np.array([math.nan if value is None else float(value) for value in column])
                for column in zip(*bought, strict=True)
            )
            values[: len(bought)] = np.column_stack((orders > 0, orders, revenue, margin))
        return dict(zip(METRICS, values.T, strict=True))


def _sizes(con: duckdb.DuckDBPyConnection) -> dict[int, tuple[int, int]]:
    """Candidates and comparable customers by number of the campaign."""
    candidates, comparable = (
        _pairs(con, f"SELECT campaign_number, COUNT(*) FROM list_planned_{step} GROUP BY ALL")
        for step in ("candidate", "comparable")
    )
    return {number: (count, comparable.get(number, 0)) for number, count in candidates.items()}


def _has_comparable(sizes: tuple[int, int]) -> bool:
    """Whether enough were in the segments back then to stand for tonight's candidates."""
    candidates, comparable = sizes
    return comparable >= candidates / 2


def _basis(sizes: tuple[int, int], window_days: int) -> str:
    days = "1 day" if window_days == 1 else f"{window_days} days"
    if _has_comparable(sizes):
        return f"customers who were in its segments {days} ago, in the days since"
    return f"tonight's candidates, in the {days} before"


def _take_parts(con: duckdb.DuckDBPyConnection, sizes: Mapping[int, tuple[int, int]]) -> None:
    parts: list[dict[str, object]] = []
    for number, pair in sizes.items():
        count = pair[1] if _has_comparable(pair) else pair[0]
        below = hash_below(SAMPLED_CUSTOMERS / count) if count > SAMPLED_CUSTOMERS else None
        parts.append({"campaign_number": number, "is_comparable": _has_comparable(pair), "hash_below": below})
    make_table(con, "planned_part", parts, _PART)


def _pairs(con: duckdb.DuckDBPyConnection, select: str) -> dict[Any, Any]:
    return dict(con.execute(select).fetchall())

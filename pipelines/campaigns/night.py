"""The night's step that decides its lists and makes their deliveries, before the commit; they are sent afterwards."""

from collections.abc import Mapping, Sequence
from datetime import date

import pyarrow as pa

from pipelines.campaigns.config import Campaign
from pipelines.campaigns.config_file import CampaignFile, read_campaign_file
from pipelines.campaigns.delivery import Made, make_deliveries
from pipelines.campaigns.global_control import global_control_draws
from pipelines.campaigns.holds import calendar_of, hold_reasons, same_day_before
from pipelines.campaigns.selection import Change, campaign_lists, settle
from pipelines.campaigns.sent import give_sent
from pipelines.catalog import query
from pipelines.contracts import table_contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.deliveries import Delivery
from pipelines.store.home import published_night
from pipelines.store.lake import Lake, Night
from pipelines.store.manifest import TableState

_HOLD = pa.schema([("campaign_id", pa.string()), ("reason", pa.string())])
_DELIVERY = pa.schema(
    [
        ("campaign_id", pa.string()),
        ("channel", pa.string()),
        ("list_date", pa.date32()),
        ("delivery_number", pa.int64()),
        ("target", pa.string()),
        ("mode", pa.string()),
        ("eligible_count", pa.int64()),
        ("listed_count", pa.int64()),
        ("removed_count", pa.int64()),
        ("held_reason", pa.string()),
    ]
)
_OWN_CAMPAIGN = pa.schema(
    [
        ("campaign_id", pa.string()),
        ("name", pa.string()),
        ("starts_on", pa.date32()),
        ("ends_on", pa.date32()),
        ("window_days", pa.int64()),
        ("control_share", pa.float64()),
        ("primary_metric", pa.string()),
    ]
)
# Reasons of holding back, by campaign; None stands for the whole file.
Holds = dict[str | None, list[str]]


def campaign_list(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, str | pa.Table]:
    """Grain: campaign, channel and customer on a list that leaves with the night; and what else is decided with it.

    That is: who is on no list, and why; who was ever assigned to a campaign, in which arm; the night's deliveries; and
    what is held back.

    Campaigns at fault are held back, and so are those that vanished from the file (it may have been cut off), and lists
    that surprise. The others go on. A night that delivers nothing lists and assigns nobody: what was recorded stands.
    """
    sent = sent_last(night.lake)
    if not _delivers(night, settings, sent):
        return _without_delivery(engine, night)
    file = read_campaign_file(settings.campaigns, content=night.campaign_file)
    gone = gone_campaigns(file, sent)
    upgraded = night.previous is not None and "campaign_delivery" not in night.previous.tables
    give_sent(engine.connection, [*sent.values()], night.previous.run_date if night.previous and upgraded else None)
    lists = campaign_lists(engine.connection, file.campaigns, settings, night.run_date, gone)
    holds = holds_of(engine, night.lake, night.run_date, file, sent, lists.changes) | missing(file, gone)
    settle(engine.connection, {name for name in holds if name is not None})
    made = make_deliveries(
        engine.connection, lists, file.campaigns, settings, night.run_date, night.lake.deliveries, holds
    )
    return {
        "campaign_list": "SELECT campaign_id, channel, target, customer_id FROM list_listed",
        "campaign_exclusion": "SELECT campaign_id, channel, customer_id, reason, decided_by FROM list_left_out",
        "campaign_assignment": "SELECT * FROM list_assignment",
        "campaign_delivery": _deliveries(engine, made, night.run_date),
        "own_campaign": _own_campaigns(engine, file.campaigns.campaigns),
        "global_control_draw": global_control_draws(
            engine, file.campaigns.global_control_share, settings.control_salt, night.run_date
        ),
        "campaign_hold": pa.Table.from_pylist(
            [{"campaign_id": name, "reason": reason} for name, reasons in holds.items() for reason in reasons],
            schema=_HOLD,
        ),
    }


def sent_last(lake: Lake) -> dict[str, Delivery]:
    """Each campaign's delivery that was sent last."""
    found = {name: lake.deliveries.last_sent(name) for name in lake.deliveries.campaigns()}
    return {name: delivery for name, delivery in found.items() if delivery is not None}


def gone_campaigns(file: CampaignFile, sent: Mapping[str, Delivery]) -> set[str]:
    """Campaigns that have a list in the tools and no sound entry in the file."""
    known = {campaign.id for campaign in file.campaigns.campaigns}
    return {name for name, delivery in sent.items() if delivery.note.is_running and name not in known}


def _delivers(night: Night, settings: Settings, sent: Mapping[str, Delivery]) -> bool:
    """Whether the night may send: it was asked to, and nothing of a later night was published or sent."""
    published = published_night(settings.home)
    later = max((delivery.note.run_date for delivery in sent.values()), default=None)
    return night.delivers and all(day is None or day <= night.run_date for day in (published, later))


def holds_of(
    engine: DuckDBEngine,
    lake: Lake,
    run_date: date,
    file: CampaignFile,
    sent: Mapping[str, Delivery],
    changes: tuple[Change, ...],
) -> Holds:
    """Why lists of a night's campaigns are held back.

    Args:
        engine: Has history.campaign_delivery.
        lake: Of the home.
        run_date: The business date.
        file: The campaign file.
        sent: Each campaign's delivery that was sent last.
        changes: Of the lists since then.
    """
    by_person = lake.deliveries.held_by_person()
    holds: Holds = {}
    for campaign in file.campaigns.campaigns:
        if not campaign.runs_on(run_date):
            continue
        calendar = calendar_of(campaign)
        reference = _eligible_on(engine, campaign.id, same_day_before(run_date, calendar)) if calendar else None
        found = hold_reasons(
            campaign,
            sent.get(campaign.id),
            changes,
            file.campaigns.alarm_change,
            by_person.get(campaign.id),
            reference,
        )
        if reasons := [f"campaign {campaign.id}: {reason}" for reason in found]:
            holds[campaign.id] = reasons
    return holds


def _eligible_on(engine: DuckDBEngine, campaign_id: str, day: date) -> dict[str, int]:
    """Eligible customers by channel of a campaign's last delivery in the week that ends on an earlier day."""
    rows = engine.connection.execute(
        """SELECT channel, ARG_MAX(eligible_count, list_date) FROM history.campaign_delivery
        WHERE campaign_id = $campaign AND list_date > $day - 7 AND list_date <= $day AND eligible_count IS NOT NULL
        GROUP BY channel""",
        {"campaign": campaign_id, "day": day},
    ).fetchall()
    return dict(rows)


def missing(file: CampaignFile, gone: set[str]) -> Holds:
    """Campaigns without a list: their faults, or that the file has no entry of them any more."""
    holds: Holds = {}
    for fault in file.faults:
        holds.setdefault(fault.campaign_id, []).append(f"{fault}")
    for name in sorted(gone - holds.keys()):
        if file.faults:
            why = "no entry without a fault is its own"
        else:
            why = "it has a list in the tools, and no entry in the campaign file; to end it, put it back with ends_on"
        holds[name] = [f"campaign {name}: {why}"]
    return holds


def _deliveries(engine: DuckDBEngine, made: Sequence[Made], run_date: date) -> pa.Table:
    """The deliveries up to tonight: those of earlier nights as they were recorded."""
    earlier = engine.connection.execute(
        f"SELECT {', '.join(_DELIVERY.names)} FROM history.campaign_delivery WHERE list_date < $night",
        {"night": run_date},
    ).to_arrow_table()
    rows = [row for delivery in made for row in delivery.rows()]
    return pa.concat_tables([earlier.cast(_DELIVERY), pa.Table.from_pylist(rows, schema=_DELIVERY)])


def _own_campaigns(engine: DuckDBEngine, campaigns: Sequence[Campaign]) -> pa.Table:
    """The campaign file's campaigns, and those that are gone from it as they last were.

    The metric that a campaign is judged by stands once somebody was assigned to it: nobody chooses it by the outcome.
    """
    rows = [{name: getattr(campaign, name) for name in _OWN_CAMPAIGN.names[1:]} for campaign in campaigns]
    for row, campaign in zip(rows, campaigns, strict=True):
        row["campaign_id"] = campaign.id
    engine.connection.register("incoming", pa.Table.from_pylist(rows, schema=_OWN_CAMPAIGN))
    found = engine.connection.execute(query("lists/own_campaign")).to_arrow_table()
    engine.connection.unregister("incoming")
    return found.cast(_OWN_CAMPAIGN)


def _without_delivery(engine: DuckDBEngine, night: Night) -> dict[str, str | pa.Table]:
    """What the night recorded when it was current; if it never was: no lists, and the assignments known by then."""
    history = ("campaign_assignment", "campaign_delivery", "global_control_draw", "own_campaign")
    names = ("campaign_list", "campaign_exclusion", "campaign_hold", *history)
    if night.run_date in night.lake.nights():
        tables = night.lake.manifest(night.run_date).tables
        return {name: engine.select_of(tables.get(name, TableState()), table_contract(name)) for name in names}
    empty = {name: engine.select_of(TableState(), table_contract(name)) for name in names}
    return empty | {name: f"SELECT * FROM history.{name}" for name in history}

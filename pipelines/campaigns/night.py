"""The night's two steps: lists are decided and their files prepared before the commit, and moved after publishing."""

import pyarrow as pa

from pipelines.campaigns.config_file import CampaignFile, read_campaign_file
from pipelines.campaigns.files import replace_folder, write_exports
from pipelines.campaigns.selection import campaign_lists
from pipelines.contracts import table_contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.home import exports_folder, published_night
from pipelines.store.lake import Night
from pipelines.store.manifest import TableState

_HOLD = pa.schema([("campaign_id", pa.string()), ("reason", pa.string())])


def campaign_list(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, str | pa.Table]:
    """Grain: campaign, channel and customer on a list tonight; and who was ever assigned to a campaign, in which arm.

    Campaigns at fault are held back, and so are those that vanished from the file: it may have been cut off. The others
    go on. A night older than the published one sends nothing and assigns nobody: what it recorded stands.
    """
    published = published_night(settings.home)
    if published is not None and night.run_date < published:
        return _as_recorded(engine, night)
    file = read_campaign_file(settings.campaigns)
    stored = {name for (name,) in engine.rows("SELECT DISTINCT campaign_id FROM history.campaign_list")}
    held = stored - {campaign.id for campaign in file.campaigns.campaigns}
    lists = campaign_lists(engine.connection, file.campaigns, settings, night.run_date, held)
    write_exports(engine.connection, lists, file.campaigns, settings, night.run_date, night.prepared_folder(), held)
    return {
        "campaign_list": "SELECT campaign_id, channel, target, customer_id FROM list_entry",
        "campaign_assignment": "SELECT * FROM list_assignment",
        "campaign_hold": _holds(file, held),
    }


def _holds(file: CampaignFile, held: set[str]) -> pa.Table:
    """Why campaigns are held back: their faults, or that the file has no entry of them any more."""
    reasons = [(fault.campaign_id, f"{fault}") for fault in file.faults]
    for name in sorted(held - {fault.campaign_id for fault in file.faults}):
        if file.faults:
            why = "no entry without a fault is its own"
        else:
            why = "it has a list in the tools, and no entry in the campaign file; to end it, put it back with ends_on"
        reasons.append((name, f"campaign {name}: {why}"))
    rows = [{"campaign_id": name, "reason": reason} for name, reason in dict.fromkeys(reasons)]
    return pa.Table.from_pylist(rows, schema=_HOLD)


def _as_recorded(engine: DuckDBEngine, night: Night) -> dict[str, str | pa.Table]:
    """What the night recorded when it was current; if it never was: empty lists, and the assignments known by then."""
    if night.run_date not in night.lake.nights():
        return {
            "campaign_list": "SELECT * FROM history.campaign_list WHERE FALSE",
            "campaign_assignment": "SELECT * FROM history.campaign_assignment",
            "campaign_hold": _HOLD.empty_table(),
        }
    tables = night.lake.manifest(night.run_date).tables
    names = ("campaign_list", "campaign_assignment", "campaign_hold")
    return {name: engine.select_of(tables.get(name, TableState()), table_contract(name)) for name in names}


def move_exports(night: Night, settings: Settings) -> None:
    """Move the night's files, which were prepared before the commit, to exports/<D>; what was there goes.

    Raises:
        LoyaltyError: there are no prepared files.
    """
    prepared = night.prepared_folder() / f"{night.run_date}"
    if not prepared.is_dir():
        raise LoyaltyError(f"{prepared}: the night's campaign files are not there. Run the night again.")
    exports_folder(settings.home).mkdir(exist_ok=True, mode=settings.folder_mode)
    replace_folder(prepared, exports_folder(settings.home, night.run_date))

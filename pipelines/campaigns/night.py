"""The night's two steps: lists are decided and their files prepared before the commit, and moved after publishing."""

from pipelines.campaigns.config_file import read_campaigns
from pipelines.campaigns.files import replace_folder, write_exports
from pipelines.campaigns.selection import campaign_lists
from pipelines.contracts import table_contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import LoyaltyError
from pipelines.settings import Settings
from pipelines.store.home import exports_folder, published_night
from pipelines.store.lake import Night


def campaign_list(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, str]:
    """Grain: campaign, channel and customer on a list tonight; and who was ever assigned to a campaign, in which arm.

    A night older than the published one sends nothing and assigns nobody: what it recorded stands.
    """
    published = published_night(settings.home)
    if published is not None and night.run_date < published:
        return _as_recorded(engine, night)
    campaigns = read_campaigns(settings.campaigns)
    lists = campaign_lists(engine.connection, campaigns, settings, night.run_date)
    write_exports(engine.connection, lists, campaigns, settings, night.run_date, night.prepared_folder())
    return {
        "campaign_list": "SELECT campaign_id, channel, target, customer_id FROM list_entry",
        "campaign_assignment": "SELECT * FROM list_assignment",
    }


def _as_recorded(engine: DuckDBEngine, night: Night) -> dict[str, str]:
    """What the night recorded when it was current; if it never was: empty lists, and the assignments known by then."""
    if night.run_date not in night.lake.nights():
        return {
            "campaign_list": "SELECT * FROM history.campaign_list WHERE FALSE",
            "campaign_assignment": "SELECT * FROM history.campaign_assignment",
        }
    tables = night.lake.manifest(night.run_date).tables
    names = ("campaign_list", "campaign_assignment")
    return {name: engine.select_of(tables[name], table_contract(name)) for name in names}


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

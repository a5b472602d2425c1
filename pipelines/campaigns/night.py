"""The night's campaign lists: decided and written beside before the commit, moved to exports/ after publishing."""

from pipelines.campaigns.config import read_campaigns
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

    An older night than the published one sends nothing, so it assigns nobody anew: what it recorded stands.
    """
    published = published_night(settings.home)
    if published is not None and night.run_date < published:
        return _as_recorded(engine, night)
    campaigns = read_campaigns(settings.campaigns)
    lists = campaign_lists(engine.connection, campaigns, settings, night.run_date)
    write_exports(engine.connection, lists, campaigns, settings, night.run_date, night.prepared_folder())
    return {
        "campaign_list": "SELECT campaign_id, channel, target, customer_id FROM lists_listed",
        "campaign_assignment": "SELECT * FROM lists_assigned",
    }


def _as_recorded(engine: DuckDBEngine, night: Night) -> dict[str, str]:
    """What the night recorded when it was current; if it never was: nobody on a list, and who had been assigned."""
    if night.run_date not in night.lake.nights():
        return {
            "campaign_list": "SELECT * FROM history.campaign_list WHERE FALSE",
            "campaign_assignment": "SELECT * FROM history.campaign_assignment",
        }
    tables = night.lake.manifest(night.run_date).tables
    names = ("campaign_list", "campaign_assignment")
    return {name: engine.select_of(tables[name], table_contract(name)) for name in names}


def move_exports(night: Night, settings: Settings) -> None:
    """Put the night's files, written before the commit, in the place of exports/<D>.

    Raises:
        LoyaltyError: they are not there.
    """
    prepared = night.prepared_folder() / f"{night.run_date}"
    if not prepared.is_dir():
        raise LoyaltyError(f"{prepared}: the night's campaign files are not there. Run the night again.")
    exports_folder(settings.home).mkdir(exist_ok=True, mode=settings.folder_mode)
    replace_folder(prepared, exports_folder(settings.home, night.run_date))

"""Commands of who decides about campaigns: hold a campaign back, release it, look at lists before they are sent."""

from typing import Annotated

import typer

from pipelines.errors import LoyaltyError
from pipelines.ops.cli_options import Home, fail, settings_of
from pipelines.settings import Settings

_CAMPAIGN_HELP = "Id of a campaign."
# Errors of DuckDB whose text is about SQL and files; that of others may show a customer's values.
_SHOWABLE = ("BinderException", "CatalogException", "IOException", "OutOfMemoryException", "ParserException")

_Campaign = Annotated[str, typer.Option("--campaign", metavar="ID", help=_CAMPAIGN_HELP)]


def release(campaign: _Campaign, home: Home = None) -> None:
    """Release a campaign that is held back, and send its list that waits, if one does."""
    settings = settings_of(home)
    from pipelines.campaigns.sending import release as release_campaign

    try:
        folder = release_campaign(settings, campaign)
    except (LoyaltyError, OSError) as error:
        raise fail(error) from None
    if folder is None:
        print(f"Campaign {campaign} is released. No list of it waits; its next one leaves with its night.")
        return
    print(f"Campaign {campaign} is released, and its list is sent. The files are in {folder}:")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        print(f"  {path.relative_to(folder)}")


def hold(
    campaign: _Campaign,
    reason: Annotated[str, typer.Option(help="Why, for those who see it in the morning.")] = "",
    home: Home = None,
) -> None:
    """Hold a campaign back from the next night on, until it is released; what was sent stays sent."""
    settings = settings_of(home)
    from pipelines.campaigns.held import check_is_campaign
    from pipelines.campaigns.sending import hold as hold_campaign

    try:
        check_is_campaign(settings, campaign)
        hold_campaign(settings, campaign, " ".join(reason.split()) or "no reason given")
    except (LoyaltyError, OSError) as error:
        raise fail(error) from None
    print(f"Campaign {campaign} is held back from the next night on. What was already sent stays sent.")
    print(f"  loyalty release --campaign {campaign} releases it")


def preview(
    campaign: Annotated[
        str | None, typer.Option("--campaign", metavar="ID", help=f"{_CAMPAIGN_HELP} Without it, all.")
    ] = None,
    home: Home = None,
) -> None:
    """Show what the next night would put on its lists, from the published night; nothing is written or sent."""
    settings = settings_of(home)
    import duckdb

    from pipelines.campaigns.preview import preview as next_lists
    from pipelines.ops.preview_lines import preview_lines

    try:
        found = next_lists(settings, campaign)
    except (LoyaltyError, OSError) as error:
        raise fail(error) from None
    except duckdb.Error as error:
        raise fail(_unreadable("the lists", error)) from None
    print("\n".join(preview_lines(found)))


def plan(campaign: _Campaign, home: Home = None) -> None:
    """Show what a campaign could find if it began with the next night: customers, smallest effect, days, break-even."""
    settings = settings_of(home)
    import duckdb

    from pipelines.campaigns.plan import plan as plan_campaign
    from pipelines.ops.plan_lines import plan_lines

    try:
        found = plan_campaign(settings, campaign)
    except (LoyaltyError, OSError) as error:
        raise fail(error) from None
    except duckdb.Error as error:
        raise fail(_unreadable("the plan", error)) from None
    print("\n".join(plan_lines(found, settings.currency)))


def _unreadable(what: str, error: Exception) -> LoyaltyError:
    kind = type(error).__name__
    why = f"{error}" if kind in _SHOWABLE else kind
    return LoyaltyError(f"{what} can't be worked out: {why}. If a night runs, try again later")


def print_held(settings: Settings) -> None:
    """Print which campaigns are held back, since when and why, and what to do."""
    from pipelines.campaigns.held import held_campaigns

    for held in held_campaigns(settings):
        name = "all campaigns" if held.campaign_id is None else held.campaign_id
        since = "from the next night on" if held.since is None else f"since {held.since}"
        print(f"  held back: {name}, {since}: {'; '.join(held.reasons)}")
        if held.is_releasable:
            print(f"    loyalty release --campaign {held.campaign_id} releases it")
        else:
            print("    mend the campaign file; the night after takes it up again")


def add_commands(app: typer.Typer) -> None:
    """Make the functions commands of the command line."""
    for command in (hold, release, preview, plan):
        app.command()(command)

"""`loyalty check`: settings, contracts, the files that people edit, and a landing folder before its night."""

from collections.abc import Iterable
from datetime import date
from tempfile import gettempdir
from typing import Annotated

import typer

from pipelines.errors import LoyaltyError
from pipelines.ops.cli_options import Home, day_of, fail, settings_of
from pipelines.ops.terminal import end_at_once_on_signals, outlast_readers
from pipelines.settings import Settings


def check(
    day: Annotated[
        date | None,
        typer.Option(
            "--date", parser=day_of, metavar="YYYY-MM-DD", help="The landing folder; the newest, if not given."
        ),
    ] = None,
    campaigns: Annotated[bool, typer.Option("--campaigns", help="The campaign file alone.")] = False,
    home: Home = None,
) -> None:
    """Read a landing folder as its night would and say all that is odd; build nothing. Exit code 1: the night stops.

    Settings, contracts, and the files of campaigns, targets and tiers are checked before. Without a landing folder, a
    fault in them gives 1.
    """
    if campaigns and day is not None:
        raise typer.BadParameter("--campaigns reads no landing folder: leave --date out")
    settings = settings_of(home)
    from pipelines.ops.config_check import campaign_report, target_report, tier_report
    from pipelines.publishing.run_summary import check_contracts

    try:
        if not campaigns:
            check_contracts()
            print("Settings and contracts have no fault.")
        lines, is_sound = campaign_report(settings.campaigns, date.today())
        if not campaigns:
            for more, has_no_fault in (target_report(settings.targets), tier_report(settings)):
                lines, is_sound = [*lines, *more], is_sound and has_no_fault
        print("\n".join(lines), flush=True)
        goes_on = None if campaigns else landing_goes_on(settings, day)
    except (LoyaltyError, OSError) as error:
        raise fail(error) from None
    if not (is_sound if goes_on is None else goes_on):
        raise typer.Exit(1)


def landing_goes_on(settings: Settings, day: date | None) -> bool | None:
    """Check a landing folder and say what was found; whether its night would go on, None if there is no folder.

    Raises:
        LoyaltyError: what is read has no room, or a night changes the home meanwhile.
    """
    import duckdb

    from pipelines.ops.check.report import check_landing_folder
    from pipelines.store.home import night_folders

    outlast_readers()
    day = day or _newest(path.name for path in night_folders(settings.landing_dir))
    if day is None:
        print(
            f"No landing folder is there yet: deliver extracts in {settings.landing_dir}/YYYY-MM-DD/, then check them."
        )
        return None
    print(flush=True)
    end_at_once_on_signals((), "Nothing is left behind.")
    try:
        checked = check_landing_folder(settings, day)
    except duckdb.Error as error:  # its text may show a row, but for files and memory
        why = (
            f"{error}" if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException) else type(error).__name__
        )
        raise LoyaltyError(
            f"the folder can't be checked: {why}. What is read is put into {gettempdir()} (TMPDIR says where), which "
            "needs room for it; and if a night runs in this home just now, try again later"
        ) from None
    print("\n".join(checked.lines))
    return not checked.stops


def _newest(names: Iterable[str]) -> date | None:
    """The last of the names that are dates."""
    found = []
    for name in names:
        try:
            found.append(date.fromisoformat(name))
        except ValueError:
            continue
    return max(found, default=None)


def add_check(app: typer.Typer) -> None:
    """Make it a command of the command line."""
    app.command()(check)

"""What the command line's commands have in common: the home that they work in, dates, and how they fail."""

import os
import sys
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import LoyaltyError
from pipelines.ops.business_date import read_date
from pipelines.settings import PREFIX, Settings, checked_home, load_settings


def _home(text: str) -> Path:
    try:
        return checked_home(text)
    except LoyaltyError as error:
        raise typer.BadParameter(f"{error}") from None


def day_of(text: str) -> date:
    try:
        return read_date(text)
    except LoyaltyError as error:
        raise typer.BadParameter(f"{error}") from None


Home = Annotated[
    Path | None,
    typer.Option("--home", parser=_home, metavar="FOLDER", help="The home to work in; LOYALTY_HOME, else ./data."),
]


def settings_of(home: Path | None, *, makes_home: bool = False) -> Settings:
    """The home's settings; tasks run in this process find the same home. A mistyped home is not made."""
    from pydantic import ValidationError

    os.umask(0o077)
    try:
        wanted = home or checked_home(os.environ.get("LOYALTY_HOME", "data"))
        if not makes_home and not wanted.is_dir():
            raise LoyaltyError(
                f"there is no home {wanted}. Make the folder and deliver extracts in its landing/YYYY-MM-DD/, or let "
                "`loyalty demo` make one."
            )
        os.environ["LOYALTY_HOME"] = str(wanted)
        settings = load_settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper().removeprefix(PREFIX)
            print(f"Error: setting {PREFIX}{name}: {problem['msg']}", file=sys.stderr)
        raise typer.Exit(2) from None
    except LoyaltyError as error:
        raise fail(error, 2) from None
    if settings.home != wanted:  # an import had read the settings of another home, where nothing may be done
        raise RuntimeError(f"the settings of {settings.home} were read before those of {wanted}")
    return settings


def fail(error: Exception, code: int = 1) -> typer.Exit:
    """Say what is wrong; the exit to raise."""
    print(f"Error: {error}", file=sys.stderr)
    return typer.Exit(code)

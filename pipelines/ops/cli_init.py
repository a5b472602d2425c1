"""`loyalty init`: a new home for files as a retailer's systems write them."""

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.errors import LoyaltyError
from pipelines.ops.cli_check import landing_goes_on
from pipelines.ops.cli_options import Home, day_of, fail, settings_of
from pipelines.settings import PREFIX, ROOT, Settings, load_settings

if TYPE_CHECKING:
    from pipelines.intake.inspection.inspect import Inspection
    from pipelines.intake.mapping.presets import Preset

# What can't be changed once a home is filled: its setting, and what to ask for.
_ASKED = {
    "currency": ("--currency", "Currency of all amounts, like EUR"),
    "timezone": ("--time-zone", "Business time zone, like Europe/Berlin"),
    "phone_region": ("--phone-region", "Region of phone numbers without a country code, like DE"),
}

_PRESETS = ", ".join(sorted(path.stem for path in (ROOT / "config" / "presets").glob("*.yaml")))


def init(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="A night's files, as your systems write them.")
    ],
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"{_PRESETS}; draft: nobody's that is known. Without it, asked."),
    ] = None,
    currency: Annotated[
        str | None, typer.Option(envvar=f"{PREFIX}CURRENCY", metavar="CODE", help="Of all amounts, like EUR.")
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option(envvar=f"{PREFIX}TIMEZONE", metavar="ZONE", help="Business time zone: Europe/Berlin.")
    ] = None,
    phone_region: Annotated[
        str | None,
        typer.Option(envvar=f"{PREFIX}PHONE_REGION", metavar="CODE", help="Of phones without a country code, like DE."),
    ] = None,
    day: Annotated[
        date | None,
        typer.Option(
            "--date", parser=day_of, metavar="YYYY-MM-DD", help="The files' night; else the day of their last sale."
        ),
    ] = None,
    home: Home = None,
) -> None:
    """Make a home for files as they are: settings, a mapping by a preset or a draft, the files in a landing folder."""
    settings = settings_of(home, makes_home=True)
    from pipelines.intake.inspection.inspect import inspect_file
    from pipelines.ops.init import check_files, check_is_new, faults_of, mapping_of, night_of_folder, write_home
    from pipelines.store.home import mapping_path

    given = {"currency": currency, "timezone": time_zone, "phone_region": phone_region}
    try:
        check_is_new(settings)
        check_files(files)
        given = {name: value if value is None else _valid(name, value) for name, value in given.items()}
        inspections = [inspect_file(path) for path in files]
        chosen = _preset(preset, inspections)
        mapping = mapping_of(chosen, inspections)
        faults = faults_of(mapping.text, mapping_path(settings.home))
        if faults and chosen is not None:
            raise LoyaltyError("\n".join(map(str, faults)))
        values = _answers(given, inspections)
        night = (
            day or night_of_folder(files, settings) or _newest(mapping.text, inspections, values[f"{PREFIX}TIMEZONE"])
        )
        written = write_home(settings, {**values, **mapping.settings}, mapping.text, files, night)
    except LoyaltyError as error:
        raise fail(error) from None
    notes = [*mapping.notes, *_currency_notes(values, inspections)]
    if chosen is None and preset is None:
        notes.append("no preset fits these files, so mapping.yaml is a draft")
    _print_written(settings, written, night, notes)
    load_settings.cache_clear()  # they are in the home's settings.env now
    goes_on = not faults and landing_goes_on(settings_of(settings.home), night)
    _print_next(settings, night, chosen, faults, goes_on=bool(goes_on))


def is_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def _preset(name: str | None, inspections: Sequence["Inspection"]) -> "Preset | None":
    """The preset that is asked for, or chosen by a person; None for a draft.

    Raises:
        LoyaltyError: there is none of this name, it does not fit, or nobody can be asked.
    """
    from pipelines.intake.mapping.presets import find_preset
    from pipelines.ops.init import DRAFT, check_fits, suggested

    if name == DRAFT:
        return None
    if name is not None:
        chosen = find_preset(name)
        check_fits(chosen, inspections)
        return chosen
    fitting = suggested(inspections)
    for found in fitting:
        question = f"The files fit the preset {found.name} ({found.title}). Use it?"
        if is_terminal() and typer.confirm(question, default=True):
            return found
    if fitting and not is_terminal():
        names = " or ".join(f"--preset {found.name}" for found in fitting)
        raise LoyaltyError(f"the files' headers fit {names}: say it, or --preset {DRAFT} to begin with a draft")
    return None


def _answers(given: Mapping[str, str | None], inspections: Sequence["Inspection"]) -> dict[str, str]:
    """The settings that can't be changed later, by their names: as given, or asked.

    Raises:
        LoyaltyError: one is not given and nobody can be asked.
    """
    seen = {inspection.currency.code: inspection for inspection in inspections if inspection.currency.code}
    said = {f"currency {code} in {found.path.name}: {found.currency.reason}" for code, found in seen.items()}
    missing = [option for name, (option, _) in _ASKED.items() if given[name] is None]
    if missing and not is_terminal():
        hint = f" ({'; '.join(sorted(said))})" if said else ""
        raise LoyaltyError(
            f"say {', '.join(missing)}: it can't be changed once the home is filled, so nothing is assumed{hint}"
        )
    answers = {}
    for name, (_, question) in _ASKED.items():
        proposed = next(iter(seen)) if name == "currency" and len(seen) == 1 else None
        value = given[name]
        if value is None:
            value = typer.prompt(question, default=proposed, value_proc=partial(_asked, name))
        answers[f"{PREFIX}{name.upper()}"] = value
    return answers


def _asked(name: str, text: str) -> str:
    """An answer to a question; what is none is asked again."""
    try:
        return _valid(name, text)
    except LoyaltyError as error:
        raise typer.BadParameter(f"{error}") from None


def _valid(name: str, text: str) -> str:
    from pydantic import ValidationError

    value = text.strip() if name == "timezone" else text.strip().upper()
    values: dict[str, Any] = {name: value}
    try:
        Settings(**values)
    except ValidationError as error:
        raise LoyaltyError(
            f"{_ASKED[name][0]}: {text!r}: {error.errors()[0]['msg'].removeprefix('Value error, ')}"
        ) from None
    return value


def _newest(mapping: str, inspections: Sequence["Inspection"], time_zone: str) -> date:
    """The night of files: the day of their last sale.

    Raises:
        LoyaltyError: it can't be told, or has not come yet.
    """
    from pipelines.ops.init import newest_day

    found = newest_day(mapping, inspections, time_zone)
    if found is None or found > date.today():
        unknown = f"no column is known as a sale's date; {_dated(inspections)}"
        why = f"their last sale is of {found}" if found else unknown
        raise LoyaltyError(f"say the files' night, the day of their last sale, with --date YYYY-MM-DD ({why})")
    return found


def _dated(inspections: Sequence["Inspection"]) -> str:
    """The columns of files that have dates, each with its last."""
    last = [
        f"{column.name} in {found.path.name} ends {found.dates.newest[column.position]}"
        for found in inspections
        for column in found.columns
        if column.position in found.dates.newest
    ]
    return ", ".join(last) or "none has dates"


def _currency_notes(values: Mapping[str, str], inspections: Sequence["Inspection"]) -> list[str]:
    """What files say against the currency that was given."""
    given = values[f"{PREFIX}CURRENCY"]
    return [
        f"{found.path.name} speaks of {found.currency.code} ({found.currency.reason}), and the home is kept in {given}"
        for found in inspections
        if found.currency.code not in (None, given)
    ]


def _print_written(settings: Settings, written: Sequence[Path], night: date, notes: Sequence[str]) -> None:
    print(f"Home {settings.home}. Written, readable by you alone:")
    for path in written:
        print(f"  {path.relative_to(settings.home) if path.is_relative_to(settings.home) else path}")
    print(f"Files go into a folder for each night; these are the night {night}.")
    for note in notes:
        print(f"  note: {note}")


def _print_next(
    settings: Settings, night: date, chosen: "Preset | None", faults: Sequence[object], *, goes_on: bool
) -> None:
    print("\nNext:")
    if chosen is not None:
        print(f"  - Read in the first lines of mapping.yaml how {chosen.title} is treated: refunds, shipping, tax ...")
    else:
        print("  - Settle what mapping.yaml says is ambiguous or missing.")
    for fault in faults:
        print(f"  - Mend {fault}")
    if not goes_on:
        print(f"  - loyalty check --date {night} --home {settings.home}")
    print(f"  - loyalty run --date {night} --home {settings.home}")


def add_init(app: typer.Typer) -> None:
    """Make it a command of the command line."""
    app.command()(init)

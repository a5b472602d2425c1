"""The command that shows what the mapping of a retailer's own files does."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import LoyaltyError
from pipelines.ops.cli_options import Home, fail, settings_of


def mapping(
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="One source. Without it, all.")] = None,
    functions: Annotated[bool, typer.Option("--functions", help="Show what an expression may be made of.")] = False,
    home: Home = None,
) -> None:
    """Show the SELECTs that mapping.yaml is compiled to, or every fault in it with its line; nothing is read."""
    from pipelines.intake.mapping.functions import published_list

    if functions:
        print("\n".join(published_list()))
        return
    settings = settings_of(home)
    try:
        print("\n\n".join(_selects(settings.home, source)))
    except LoyaltyError as error:
        raise fail(error) from None


def _selects(home: Path, source: str | None) -> list[str]:
    from pipelines.contracts import sources
    from pipelines.intake.mapping.compiler import compile_part
    from pipelines.intake.mapping.config_file import read_mapping
    from pipelines.intake.mapping.words import unknown
    from pipelines.store.home import mapping_path

    found = read_mapping(home)
    if found is None:
        return [f"There is no {mapping_path(home)}: each source is read from files of its own name, like receipts.csv."]
    if source is not None and source not in found.model.sources:
        raise LoyaltyError(f"{found.path}: {unknown(source, 'source of the mapping', found.model.sources)}")
    return [
        compile_part(sources()[name], part, found.model.feeds[part.feed]).text + ";"
        for name, parts in found.model.sources.items()
        for part in parts
        if source in (None, name)
    ]


def add_commands(app: typer.Typer) -> None:
    """Make the functions commands of the command line."""
    app.command()(mapping)

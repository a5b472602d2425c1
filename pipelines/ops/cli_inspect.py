"""`loyalty inspect`: what a file is that nobody has described yet."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.errors import LoyaltyError
from pipelines.ops.cli_options import fail


def inspect(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CSV, TSV, Excel, JSON, JSON Lines or Parquet; may be .gz.")
    ],
    write: Annotated[
        Path | None, typer.Option("--write", metavar="PATH", help="Write a draft of the mapping, doubts as comments.")
    ] = None,
) -> None:
    """Say how files are written, what a row of them is and what their columns could be; nothing is loaded."""
    from pipelines.intake.inspection.draft import write_draft
    from pipelines.intake.inspection.inspect import inspect_file
    from pipelines.intake.inspection.report import lines
    from pipelines.intake.mapping.presets import fitting_presets
    from pipelines.ops.terminal import outlast_readers

    outlast_readers()
    found = []
    for path in files:
        try:
            found.append(inspect_file(path))
        except (LoyaltyError, OSError) as error:
            fail(error)
            continue
        print("\n".join(lines(found[-1])), end="\n\n", flush=True)
        for preset in fitting_presets([found[-1].table.names]):
            print(f"It fits the preset {preset.name}: loyalty init --preset {preset.name} {path}\n", flush=True)
    if write is not None and found:
        try:
            write_draft(found, write)
        except LoyaltyError as error:
            raise fail(error) from None
        print(f"Draft of the mapping: {write}. Settle what it says is ambiguous or missing.")
    if len(found) < len(files):
        raise typer.Exit(1)


def add_inspect(app: typer.Typer) -> None:
    """Make it a command of the command line."""
    app.command()(inspect)

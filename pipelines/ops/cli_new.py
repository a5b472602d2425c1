"""`loyalty new`: the files of a new source, table, segment or export target."""

from typing import Annotated

import typer

from pipelines.errors import LoyaltyError
from pipelines.ops.cli_options import fail
from pipelines.ops.new import Kind, TableLayer

new = typer.Typer(no_args_is_help=True, help="Write the files of a new source, table, segment or export target.")
Name = Annotated[str, typer.Argument(help="Its name: lower-case letters, digits and underscores.")]


@new.command("source")
def new_source(name: Name) -> None:
    """A contract for a source, data_contracts/sources/NAME.yaml."""
    _write_scaffold(Kind.source, name)


@new.command("table")
def new_table(
    name: Name, layer: Annotated[TableLayer, typer.Option(help="The layer that it belongs to.")] = TableLayer.marts
) -> None:
    """A SELECT for a table, its contract and a case."""
    _write_scaffold(Kind.table, name, layer)


@new.command("segment")
def new_segment(name: Name) -> None:
    """A SELECT of the customers of a segment, and a case."""
    _write_scaffold(Kind.segment, name)


@new.command("target")
def new_target(name: Name) -> None:
    """A contract for the file of a tool, data_contracts/exports/NAME.yaml."""
    _write_scaffold(Kind.target, name)


def _write_scaffold(kind: Kind, name: str, layer: TableLayer = TableLayer.marts) -> None:
    from pipelines.ops.new import write_scaffold

    try:
        scaffold = write_scaffold(kind, name, layer)
    except LoyaltyError as error:
        raise fail(error) from None
    print("Written:")
    for path in scaffold.files:
        print(f"  {path}")
    print("Next:")
    for number, step in enumerate(scaffold.next_steps, 1):
        print(f"  {number}. {step}")

"""Files for a new source, table, segment or export target, with FILL IN where somebody has to say something."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from pipelines.errors import LoyaltyError
from pipelines.settings import ROOT


class Kind(StrEnum):
    """What can be added by writing files."""

    source = "source"
    table = "table"
    segment = "segment"
    target = "target"


class TableLayer(StrEnum):
    """Layers of sql/ that hold tables, one file each."""

    facts = "facts"
    scores = "scores"
    marts = "marts"


# Each template of a kind and the file that it becomes.
_FILES: Mapping[Kind, Mapping[str, str]] = {
    Kind.source: {"contract.yaml": "data_contracts/sources/{name}.yaml"},
    Kind.table: {
        "table.sql": "sql/{layer}/{name}.sql",
        "contract.yaml": "data_contracts/{layer}/{name}.yaml",
        "case.yaml": "tests/sql/cases/{name}/every_customer_has_a_row.yaml",
    },
    Kind.segment: {
        "segment.sql": "sql/segments/{name}.sql",
        "case.yaml": "tests/sql/cases/{name}/active_customers_are_in_it.yaml",
    },
    Kind.target: {"contract.yaml": "data_contracts/exports/{name}.yaml"},
}
_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]*")
# The lake has tables of these names beside those that have files of their own.
_LAKE_NAME = re.compile(r"rejected_.*|.*_personal|.*_superseded")


@dataclass(frozen=True)
class Scaffold:
    """The files that were written, relative to the project, and what to do next."""

    files: tuple[Path, ...]
    next_steps: tuple[str, ...]


def write_scaffold(kind: Kind, name: str, layer: TableLayer = TableLayer.marts, root: Path = ROOT) -> Scaffold:
    """Write the files of something new: all of them, or none.

    Args:
        kind: what is new.
        name: of lower-case letters, digits and underscores.
        layer: of a table.
        root: the project's folder.

    Raises:
        LoyaltyError: the name can't be used or exists already, or a file can't be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    _check_name(kind, name, root)
    environment = Environment(  # noqa: S701 - it makes YAML and SQL of a plain name, no HTML
        loader=PackageLoader("pipelines.ops"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    values = {"name": name, "layer": layer.value, "key": f"{name.removesuffix('s')}_id"}

    def rendered(template: str) -> str:
        return environment.get_template(f"{kind}/{template}.jinja").render(values)

    texts = {Path(path.format_map(values)): rendered(template) for template, path in _FILES[kind].items()}
    next_steps = tuple(rendered("next.txt").splitlines())
    _write_all({root / path: text for path, text in texts.items()})
    return Scaffold(tuple(texts), next_steps)


def _check_name(kind: Kind, name: str, root: Path) -> None:
    import duckdb

    from pipelines.catalog import PARAMETERS

    if not _PLAIN_NAME.fullmatch(name):
        raise LoyaltyError(f"{name!r} is no plain name: write it with a-z, 0-9 and _, beginning with a letter")
    keywords = "SELECT 1 FROM duckdb_keywords() WHERE keyword_name = ? AND keyword_category = 'reserved'"
    if duckdb.execute(keywords, [name]).fetchone() or _LAKE_NAME.fullmatch(name) or name in PARAMETERS:
        raise LoyaltyError(f"{name!r} has a meaning of its own in SQL or in the lake; choose another name")
    if name in _taken(kind, root):
        raise LoyaltyError(f"{name!r} exists already; nothing was written")


def _taken(kind: Kind, root: Path) -> set[str]:
    """Names in use. Targets have theirs; sources, tables, segments and folders of SELECTs share one space."""
    contracts, sql = root / "data_contracts", root / "sql"
    if kind is Kind.target:
        return {path.stem for path in (contracts / "exports").glob("*.yaml")}
    with_contracts = {path.stem for path in contracts.rglob("*.yaml") if path.parent.name != "exports"}
    folders = {path.name for parent in (sql, root / "tests" / "sql" / "cases") for path in parent.glob("*/")}
    return with_contracts | folders | {path.stem for path in sql.glob("*/*.sql")}


def _write_all(texts: Mapping[Path, str]) -> None:
    written: list[Path] = []
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                written.append(path)
                file.write(text)
    except BaseException as error:
        for path in written:
            path.unlink()
        if isinstance(error, OSError):
            raise LoyaltyError(f"{error}; nothing was written") from error
        raise

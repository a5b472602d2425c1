"""All tables of a night: their layer, how they are made and what they read. The DAG is drawn from this.

Each SQL file of a layer is a table, and its inputs are found in its text. Tables that Python makes are declared in
pipelines/python_tables.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.scope import traverse_scope

from pipelines.contracts import ContractError, sources
from pipelines.python_tables import EVERY_SOURCE, PYTHON_TABLES
from pipelines.settings import ROOT
from pipelines.table import LAYERS, Layer, Table

SQL = ROOT / "sql"

# Tables of one row or a few that a night registers for its SQL: its date, its settings.
PARAMETERS = frozenset({"night", "feature_date", "gift_card_category"})
# The table that stops a night whose batches break a limit.
GATE = "batch_expectation"


@cache
def query(name: str) -> str:
    """The SELECT in sql/<name>.sql, as in "lists/candidate": it is no table of the night, but is run to make one.

    It reads tables and views by their names alone. What varies (a day, a setting) is registered as a small table.

    Raises:
        FileNotFoundError: there is no such file.
    """
    return (SQL / f"{name}.sql").read_text(encoding="utf-8").strip()


@lru_cache(maxsize=256)
def parsed(sql: str) -> exp.Expression:
    """A SELECT's tree, kept because a night asks for the same ones again and again. It must not be changed."""
    return sqlglot.parse_one(sql, read="duckdb")


class Inputs(NamedTuple):
    """Names of the tables that a SELECT reads, sorted. Those of replaced are among those of tonight too."""

    tonight: tuple[str, ...]
    history: tuple[str, ...]
    replaced: tuple[str, ...]


def read_inputs(sql: str) -> Inputs:
    """The tables that a SELECT reads, without its own CTEs and the night's parameters."""
    read: dict[str, set[str]] = {"": set(), "history": set(), "replaced": set()}
    for scope in traverse_scope(parsed(sql)):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                read[source.db if source.db in read else ""].add(source.name)
    tonight = (read[""] | read["replaced"]) - PARAMETERS
    return Inputs(tuple(sorted(tonight)), tuple(sorted(read["history"])), tuple(sorted(read["replaced"])))


def segment_files() -> list[Path]:
    """The SQL files of the segments, one a segment."""
    return sorted((SQL / "segments").glob("*.sql"))


def segment_path(segment: str) -> Path:
    """The SQL file of a segment."""
    return SQL / "segments" / f"{segment}.sql"


def _sql_tables(layer: Layer) -> Iterator[Table]:
    for path in sorted((SQL / layer).glob("*.sql")):
        name, sql = path.stem, path.read_text(encoding="utf-8")
        inputs, history, replaced = read_inputs(sql)
        if name == "customer_category":
            # Its SELECT does not read customer_day, but which customers tonight touches is found there.
            inputs = tuple(sorted({*inputs, "customer_day"}))
        yield Table(name, layer, "sql", inputs, history, replaced, sql=sql)


def _segment_table() -> Table:
    """customer_segment: all segments' customers, so it reads what any segment reads."""
    read = [read_inputs(path.read_text(encoding="utf-8")) for path in segment_files()]
    tonight = {name for inputs in read for name in inputs.tonight}
    history = {name for inputs in read for name in inputs.history}
    return Table("customer_segment", "segments", "segments", tuple(sorted(tonight)), tuple(sorted(history)))


def _made() -> Iterator[Table]:
    for name, contract in sources().items():
        yield Table(name, "staging", "source")
        if contract.personal_columns:
            yield Table(f"{name}_personal", "staging", "split", (name,))
    for layer in LAYERS[1:-1]:  # of the first the tables are sources, of the last the files are one table
        yield from _sql_tables(layer)
    yield _segment_table()
    every_source = tuple(sources())
    yield from (
        replace(table, inputs=every_source) if table.inputs is EVERY_SOURCE else table for table in PYTHON_TABLES
    )


def _first_after_reading(found: Mapping[str, Table]) -> frozenset[str]:
    """Names of the tables that are made of extracts alone, or of nothing. They wait until the batches were judged.

    What a night can be stopped for is known as soon as all is read: nothing is built before that.
    """
    read = {name for name, table in found.items() if _is_read(table, found)}
    return frozenset(
        name
        for name, table in found.items()
        if name not in read and table.inputs != (GATE,) and name != GATE and read.issuperset(table.inputs)
    )


def _is_read(table: Table, found: Mapping[str, Table]) -> bool:
    """Whether a table is a source, or its personal columns, which are made along with it."""
    return table.kind == "source" or (table.kind == "split" and found[table.inputs[0]].kind == "source")


@cache
def tables() -> dict[str, Table]:
    """Every table by name, each after those that it reads, and what is built after the batches were judged.

    Raises:
        ValueError: a table reads one that nobody makes, or two tables have one name.
        graphlib.CycleError: tables read each other in a circle.
    """
    found: dict[str, Table] = {}
    for table in _made():
        if table.name in found:
            raise ContractError(f"two tables are named {table.name}; give a source of that name another one")
        found[table.name] = table
    for table in found.values():
        for name in (*table.inputs, *table.history):
            if name not in found:
                raise ValueError(f"{table.name} reads {name}, which nobody makes")
    waiting = _first_after_reading(found) if GATE in found else frozenset()
    gates = {name: (GATE,) if name in waiting else () for name in found}
    order = TopologicalSorter({name: (*table.inputs, *gates[name]) for name, table in found.items()}).static_order()
    return {name: found[name] for name in order}


@cache
def tables_by_task() -> dict[Layer, tuple[str, ...]]:
    """Names of the tables that each task of the night makes, in order: those of a layer. Splits come of what they read.

    A table that reads one of a later layer is made there: every task needs only the tasks before it.
    """
    task: dict[str, Layer] = {}
    for table in tables().values():
        task[table.name] = max([table.layer, *(task[name] for name in table.inputs)], key=LAYERS.index)
    return {
        layer: tuple(name for name, made in task.items() if made == layer and tables()[name].kind != "split")
        for layer in LAYERS
    }


@cache
def views() -> frozenset[str]:
    """Names of the tables that a night writes no file for."""
    return frozenset(name for name, table in tables().items() if table.is_view)

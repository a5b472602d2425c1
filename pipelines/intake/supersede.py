"""The state of a source as of a night: the data files it consists of, and which of their rows are superseded.

Of several rows of one key, within a file and across nights, the one with the latest update stands, else that of the
latest night. A row without an updated_at, or with one after its landing night, counts as updated at that night's end:
a clock that runs ahead must not make a row stand for ever. Rows that come whole (a receipt's lines) go by the night
alone: all that a later night brings of a receipt replaces all that was there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.contracts import Column, Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.merge import merged, rewritten
from pipelines.engines.sql import identifier
from pipelines.store.lake import Night
from pipelines.store.manifest import DataFile, TableState, lineage_of

_TIMES = ("DATE", "TIMESTAMP WITH TIME ZONE")


def states_as_of(
    tables: Sequence[Contract],
    staged: Mapping[str, TableState],
    night: Night,
    engine: DuckDBEngine,
    info: Mapping[str, Any],
) -> dict[str, TableState]:
    """The states of a source's staging tables as of tonight.

    Which rows are superseded is decided by the source itself; what lies apart from it loses exactly the same rows.

    Args:
        tables: The contracts of the source's staging tables, the source itself first.
        staged: What tonight staged, by table: its own data files, and their version.
        night: Tonight; it knows what the nights before staged.
        engine: To find the superseded rows; it has normal_code (codes.register_function).
        info: What the manifest is to say of the extract; the number of superseded rows and the rule are added.
    """
    source = tables[0]
    info = {**info, "rows_superseded": 0, "superseded_by": _rule(source), "in_one_form": _in_one_form(source)}
    bases = {table.name: _base(table, staged[table.name], night, engine) for table in tables}
    states = {t.name: bases[t.name].state.model_copy(update={"key": t.key, "info": info}) for t in tables}
    if source.load == "full":
        return states
    superseded, count = _superseded_rows(source, bases[source.name], engine)
    info = {**info, "rows_superseded": count}
    return {name: state.model_copy(update={"superseded": superseded, "info": info}) for name, state in states.items()}


def updated_at(table: Contract) -> str | None:
    """SQL of the moment at which a row of a source counts as updated; None where every row counts alike in its night.

    The engine's time zone is the business time zone: there a night ends.
    """
    if all(column.name != "updated_at" or column.type not in _TIMES for column in table.columns):
        return None
    night_end = "CAST(landing_date + 1 AS TIMESTAMP WITH TIME ZONE)"
    return f"LEAST(COALESCE(CAST(updated_at AS TIMESTAMP WITH TIME ZONE), {night_end}), {night_end})"


@dataclass(frozen=True)
class _Base:
    """A staging table before and after tonight's own files are added.

    `is_known` says whether the last manifest knows the superseded rows of the nights before. It does not if one of
    them came late or was run again, or if rows superseded others by another rule then.
    """

    earlier: TableState
    own: tuple[DataFile, ...]
    state: TableState
    is_known: bool


def _base(table: Contract, staged: TableState, night: Night, engine: DuckDBEngine) -> _Base:
    is_full = table.load == "full"
    earlier, is_known = night.earlier(table.name)
    new = staged.lineage.own if staged.lineage else None
    lineage = lineage_of(earlier.lineage.state if earlier.lineage else None, new, is_full=is_full)
    own = staged.written_by(night.run_date)
    if is_full and lineage.state == new:
        return _Base(earlier, own, TableState(data_files=own, lineage=lineage), is_known)
    own = () if is_full else own  # without a row: what is kept of a whole source is its last extract that has some
    respelled = set(_in_one_form(table)) - set(earlier.info.get("in_one_form", ()))
    files = _respelled(table, earlier, engine) if respelled else merged(earlier.data_files, table.name, engine)
    earlier = earlier.model_copy(update={"data_files": files})
    state = TableState(data_files=(*earlier.data_files, *own), lineage=lineage)
    is_known &= not respelled and earlier.info.get("superseded_by", "row") == _rule(table)
    return _Base(earlier, own, state, is_known)


def _in_one_form(table: Contract) -> list[str]:
    """The columns whose values are kept in one form for all their spellings."""
    return [column.name for column in table.columns if column.case_insensitive]


def _respelled(table: Contract, earlier: TableState, engine: DuckDBEngine) -> tuple[DataFile, ...]:
    """The earlier nights' rows with their codes in one form: written before the contract, or the code, asked for it."""
    if not earlier.data_files:
        return ()
    files = sorted(earlier.data_files, key=lambda file: (file.night, file.path))
    forms = ", ".join(f"normal_code({identifier(name)}) AS {identifier(name)}" for name in _in_one_form(table))
    select = f"SELECT * REPLACE ({forms}) FROM ({engine.select_files(files, table.columns)})"
    return tuple(rewritten(select, table.name, files, engine))


def _rule(table: Contract) -> str:
    """By which rule rows supersede others; "row" is that of manifests which do not say it."""
    if table.replaced_by != table.key:
        return table.whole_per
    return "updated_at" if updated_at(table) else "row"


def _superseded_rows(source: Contract, base: _Base, engine: DuckDBEngine) -> tuple[tuple[DataFile, ...], int]:
    """Files of landing_date and key of the superseded rows, and how many rows became superseded by tonight's."""
    if not base.earlier.data_files or (base.is_known and not any(file.rows for file in base.own)):
        return base.earlier.superseded, 0
    name = f"{source.name}_superseded"
    if base.is_known:  # each row that tonight's supersede was not superseded before
        new = tuple(file for file in engine.write(_newly_superseded(source, base, engine), name) if file.rows)
        return (*merged(base.earlier.superseded, name, engine), *new), sum(file.rows for file in new)
    written = engine.write(_superseded(source, base.state, engine), name)
    superseded = written if any(file.rows for file in written) else ()
    return superseded, _count_superseded(source, superseded, base.own, engine)


def _index_columns(table: Contract) -> list[Column]:
    """The columns by which a row of a staging table is known."""
    return [column for column in table.columns if column.name in ("landing_date", *table.key)]


def _dated_rows(table: Contract, rows: str) -> str:
    """SQL of the index columns of some rows, and of the moment at which each counts as updated."""
    index = ", ".join(identifier(column.name) for column in _index_columns(table))
    return f"SELECT {index}, {updated_at(table)} AS counts_from FROM {rows} AS every"


def _newly_superseded(table: Contract, base: _Base, engine: DuckDBEngine) -> str:
    """SQL of the rows of last night's state that tonight's supersede or, if they were updated later, that supersede."""
    index = ", ".join(identifier(column.name) for column in _index_columns(table))
    earlier, own = engine.select_of(base.earlier, table), engine.scan_files(base.own)
    if _rule(table) != "updated_at":
        same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.replaced_by)
        return f"SELECT {index} FROM ({earlier}) AS old SEMI JOIN {own} AS new ON {same}"
    # Either has one row of a key, so a key that both have loses one.
    old, new = _dated_rows(table, f"({earlier})"), _dated_rows(table, own)
    landing_date = (
        "CASE WHEN new.counts_from < old.counts_from THEN new.landing_date ELSE old.landing_date END AS landing_date"
    )
    index = ", ".join(
        landing_date if column.name == "landing_date" else identifier(column.name) for column in _index_columns(table)
    )
    key = ", ".join(identifier(k) for k in table.key)
    return f"SELECT {index} FROM ({old}) AS old JOIN ({new}) AS new USING ({key})"


def _superseded(table: Contract, state: TableState, engine: DuckDBEngine) -> str:
    """SQL of all rows to which others are preferred, found anew from every night's rows."""
    index = ", ".join(identifier(column.name) for column in _index_columns(table))
    by = ", ".join(identifier(k) for k in table.replaced_by)
    if _rule(table) != "updated_at":
        rows = f"({engine.select_files(state.data_files, _index_columns(table))})"
        newest = f"MAX(landing_date) OVER (PARTITION BY {by}) AS newest"
        return f"SELECT {index} FROM (SELECT {index}, {newest} FROM {rows}) WHERE landing_date < newest"
    names = {"updated_at", *(column.name for column in _index_columns(table))}
    columns = [column for column in table.columns if column.name in names]
    rows = _dated_rows(table, f"({engine.select_files(state.data_files, columns)})")
    preference = f"ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY counts_from DESC, landing_date DESC) AS preference"
    return f"SELECT {index} FROM (SELECT {index}, {preference} FROM ({rows})) WHERE preference > 1"


def _count_superseded(
    table: Contract, superseded: tuple[DataFile, ...], own: tuple[DataFile, ...], engine: DuckDBEngine
) -> int:
    """How many rows became superseded by tonight's extract, and not by an earlier night's."""
    if not own or not superseded:
        return 0
    same = " AND ".join(f"old.{identifier(k)} = new.{identifier(k)}" for k in table.replaced_by)
    new, old = engine.scan_files(own), engine.scan_files(superseded)
    if table.replaced_by != table.key:  # those that no night before tonight had replaced already
        of_tonight = f"SELECT * FROM {old} AS old SEMI JOIN {new} AS new ON {same}"
        newest = f"MAX(landing_date) OVER (PARTITION BY {identifier(table.whole_per)})"
        counted = f"SELECT landing_date, {newest} AS newest FROM ({of_tonight})"
        return int(engine.rows(f"SELECT COUNT(*) FROM ({counted}) WHERE landing_date = newest")[0][0])
    return int(engine.rows(f"SELECT COUNT(*) FROM {new} AS new SEMI JOIN {old} AS old ON {same}")[0][0])

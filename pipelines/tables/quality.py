"""The quality of a night's extracts (rows by source, rejected rows) and of past forecasts (the latest backtest)."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa

from pipelines.contracts import sources
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import one_file
from pipelines.intake.stage import REJECTED
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.store.manifest import TableState
from pipelines.tables.inputs import contract_of


def data_quality(_engine: DuckDBEngine, night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: source. Rows of tonight's extract; read = loaded + rejected + duplicate."""
    rows = []
    for name in sources():
        state = night.table(name)
        info, lineage = state.info, state.lineage
        rows.append(
            {
                "source": name,
                **info["counts"],
                "rows_superseded": info["rows_superseded"],
                "is_present": info["is_present"],
                "has_come": lineage is not None and lineage.state is not None,
            }
        )
    return {"data_quality": pa.Table.from_pylist(rows)}


_FEED_QUALITY = pa.schema(
    [
        ("source", pa.string()),
        ("part", pa.int64()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("feed", pa.string()),
        ("feed_rows", pa.int64()),
        ("amount", pa.decimal128(38, 2)),
        ("without_amount", pa.int64()),
    ]
)


def feed_quality(_engine: DuckDBEngine, night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: source, part of its mapping, outcome, reason. Rows of feeds' files; read = used + filtered + rejected."""
    rows = [
        {"source": name, "part": part, "feed": feed["feed"], **row}
        for name in sources()
        for part, feed in enumerate(night.table(name).info.get("feed_quality", ()), start=1)
        for row in _feed_rows(feed)
    ]
    return {"feed_quality": pa.Table.from_pylist(rows, _FEED_QUALITY)}


def _feed_rows(feed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A feed's raw rows by outcome and reason, with their money where the source has an amount."""
    amounts = {(row["outcome"], row["reason"]): row for row in feed.get("amounts", ())}
    for outcome in ("used", "filtered", "rejected"):
        for reason, count in ({"used": feed["used"]} if outcome == "used" else feed[outcome]).items():
            row = {"outcome": outcome, "reason": reason, "feed_rows": count}
            if money := amounts.get((outcome, reason)):
                row |= {"amount": Decimal(money["amount"]), "without_amount": money["without_amount"]}
            yield row


def rejected_rows(engine: DuckDBEngine, night: Night, _settings: Settings) -> dict[str, pa.Table]:
    """Grain: rejected row of tonight's extracts. Its file, row number and rule, without its values."""
    columns = ("source", "file", "row_number", "rule")
    found = [pa.table({name: pa.array([], REJECTED.field(name).type) for name in columns})]
    for name in sources():
        for file in night.table(f"rejected_{name}").data_files:
            path = one_file(night.lake.path(file.path))
            found.append(engine.arrow("SELECT source, file, row_number, rule FROM read_parquet($path)", {"path": path}))
    return {"rejected_rows": pa.concat_tables(found, promote_options="permissive")}


def backtest(engine: DuckDBEngine, night: Night, _settings: Settings) -> dict[str, pa.Table | str]:
    """Grain: forecast and group of customers. The latest backtest up to tonight and its metrics, if there is one."""
    known = night.lake.backtests.latest_until(night.run_date)
    rows: dict[str, list[dict[str, Any]]] = {"backtest": [], "backtest_quality": [], "backtest_latest": []}
    if known:
        for name, measured in known.tables.items():
            rows[name] = [{"backtest_date": known.run_date, **row} for row in measured]
        rows["backtest_latest"] = _latest(known.tables["backtest_quality"])
    return {
        name: pa.Table.from_pylist(of_table) if of_table else engine.select_of(TableState(), contract_of(name))
        for name, of_table in rows.items()
    }


def _latest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The metrics of the latest forecast of each kind, measure and window, which are part of the metric's name."""
    dates: dict[tuple[str, str, int], str] = {}
    for row in rows:
        forecast = row["kind"], row["measure"], row["window_days"]
        dates[forecast] = max(str(row["as_of_date"]), dates.get(forecast, ""))
    return [
        {
            "model": row["model"],
            "metric": f"backtest_{row['kind']}_{row['measure']}_{row['window_days']}d_{row['metric']}",
            **{name: row[name] for name in ("value", "note", "trained_through")},
        }
        for row in rows
        if dates[row["kind"], row["measure"], row["window_days"]] == str(row["as_of_date"])
    ]

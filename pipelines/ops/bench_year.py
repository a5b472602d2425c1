"""A year of nights: what the last of them costs, beside the same night in a home that got the rest in one load."""

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from pipelines.ops import nightly
from pipelines.ops.bench import (
    DAYS,
    HISTORY_END,
    NEXT_DAY,
    PRODUCTS,
    START,
    chunk,
    ids,
    prices,
    write_csv,
    write_settings,
)
from pipelines.store.lake import Lake
from pipelines.table import LAYERS

_REPEATS = 3

# Shares of receipts that come a day late and that are corrected within a month; of customers who change in a night.
_LATE, _CORRECTED, _CHANGED = 0.02, 0.03, 0.01

# Rows of a source, and the day (0 the first) on which each is delivered.
Deliveries = dict[str, tuple[pa.Table, Any]]


def deliveries(customers: int, seed: int = 7) -> Deliveries:
    """What a retailer delivers over two years, oldest first: late and corrected receipts, customers who change."""
    random = np.random.default_rng(seed)
    sources = chunk(random, 0, customers, prices(random))
    receipts, day = sources["receipts"]
    delivered = np.where(random.random(len(day)) < _LATE, np.minimum(day + 1, DAYS - 0.5), day)
    corrected = np.flatnonzero(random.random(len(day)) < _CORRECTED)
    again = np.minimum(delivered[corrected] + random.integers(1, 30, len(corrected)), DAYS - 0.5)
    by_id = dict(zip(receipts["receipt_id"].to_pylist(), delivered, strict=True))
    found = {"receipts": (_corrected(receipts, corrected), np.concatenate([delivered, again]))}
    for name in ("receipt_lines", "promo_redemptions"):
        rows = sources[name][0]
        found[name] = (rows, np.array([by_id[key] for key in rows["receipt_id"].to_pylist()]))
    people, joined = sources["crm_customers"]
    changed = random.integers(0, customers, int(customers * _CHANGED * DAYS))
    at = joined[changed] + random.random(len(changed)) * (DAYS - joined[changed])
    regions = {"region": ids("region ", random.integers(1, 31, len(changed)))}
    found["crm_customers"] = (_with_changes(people, changed, at, regions), np.concatenate([joined, at]))
    found["points_ledger"] = (_points(receipts), delivered)
    found["contacts"] = _contacts(random, customers)
    return {name: _in_order(rows, day) for name, (rows, day) in found.items()}


def _corrected(receipts: pa.Table, corrected: Any) -> pa.Table:
    """All receipts, then some of them again, with another sales channel."""
    again = receipts.take(corrected)
    position = again.column_names.index("sales_channel")
    channels = pa.array(["online"] * len(again))
    return pa.concat_tables([receipts, again.set_column(position, "sales_channel", channels)])


def _with_changes(people: pa.Table, changed: Any, at: Any, columns: dict[str, pa.Array]) -> pa.Table:
    """All customers as they joined, then those who changed, with their new values and the time of the change."""
    first = people.append_column("updated_at", people["registered_at"])
    again = people.take(changed)
    for name, values in columns.items():
        again = again.set_column(again.column_names.index(name), name, values)
    return pa.concat_tables([first, again.append_column("updated_at", pa.array(_times(at)))])


def _points(receipts: pa.Table) -> pa.Table:
    return pa.table(
        {
            "entry_id": receipts["receipt_id"],
            "customer_id": receipts["customer_id"],
            "receipt_id": receipts["receipt_id"],
            "kind": pa.array(["earn"] * len(receipts)),
            "points": pc.cast(pc.floor(pc.divide(receipts["total_amount"], 10)), pa.int64()),
            "posted_at": receipts["issued_at"],
        }
    )


def _contacts(random: np.random.Generator, customers: int) -> tuple[pa.Table, Any]:
    """Messages, each of which comes again the day after when it was opened."""
    count = customers * DAYS // 60
    sent = np.sort(random.random(count) * (DAYS - 1))
    rows = pa.table(
        {
            "contact_id": ids("M", np.arange(count)),
            "customer_id": ids("C", random.integers(0, customers, count)),
            "channel": random.choice(["email", "sms", "ads"], count),
            "sent_at": _times(sent),
        }
    )
    opened = np.flatnonzero(random.random(count) < 0.3)
    first = rows.append_column("opened_at", pa.nulls(count, pa.timestamp("s")))
    again = rows.take(opened).append_column("opened_at", pa.array(_times(sent[opened] + 0.1)))
    return pa.concat_tables([first, again]), np.concatenate([sent, np.minimum(sent[opened] + 1, DAYS - 0.5)])


def _times(day: Any) -> Any:
    return START + (day * 86_400).astype("timedelta64[s]")


def _in_order(rows: pa.Table, day: Any) -> tuple[pa.Table, Any]:
    order = np.argsort(day, kind="stable")
    return rows.take(order), day[order]


def write_nights(landing: Path, sources: Deliveries, folders: Sequence[date]) -> None:
    """Write landing folders: the first has all that was delivered until then, each later one what came since."""
    products, codes = np.arange(PRODUCTS), np.arange(60)
    whole = {
        "products": pa.table({"product_id": ids("P", products), "category": ids("category ", products % 40)}),
        "promo_codes": pa.table({"promo_code": ids("CODE", codes), "cost_amount": np.full(60, 1000.0)}),
    }
    with duckdb.connect() as connection:
        begins = 0
        for folder in folders:
            ends = (folder - START.astype(date).date()).days + 1
            for name, (rows, day) in sources.items():
                first, last = np.searchsorted(day, [begins, ends])
                write_csv(connection, rows.slice(first, last - first), landing / f"{folder}" / f"{name}.csv")
            for name, rows in whole.items():
                write_csv(connection, rows, landing / f"{folder}" / f"{name}.csv")
            begins = ends


def run_year(home: Path, customers: int, nights: int) -> dict[str, Any]:
    """Run so many nights in one home, all but the last in one load in another; then time the last in both, by turns.

    Only the timed nights are run by Airflow. Each is run in a copy of its home and a process of its own.

    Raises:
        RuntimeError: a night failed; its output was shown.
    """
    sources = deliveries(customers)
    days = [HISTORY_END - timedelta(nights - 1 - n) for n in range(nights)]
    homes = {"one load": [days[-1]], f"{nights} nights": days}
    for name, before in homes.items():
        write_nights(home / name / "landing", sources, [*before, NEXT_DAY])
        write_settings(home / name)
        _in_a_process(_run_nights, home / name, before)
    measured: dict[str, list[dict[str, Any]]] = {name: [] for name in homes}
    for _ in range(1 + _REPEATS):
        for name in homes:
            measured[name].append(_measured(home / name, home / "work" / name))
    found = {name: _typical(results[1:]) | _sizes(home / "work" / name) for name, results in measured.items()}
    rows = {name: len(rows) for name, (rows, _) in sources.items()}
    return {"customers": customers, "rows": rows, "nights": found}


def _in_a_process(function: Any, *arguments: Any) -> None:
    process = multiprocessing.get_context("spawn").Process(target=function, args=arguments)
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError("a night failed; its output is above")


def _run_nights(home: Path, nights: Sequence[date]) -> None:
    os.environ["LOYALTY_HOME"] = str(home)
    for night in nights:
        run_id = f"bench {night}"
        nightly.open_night(night, run_id, delivers=night == nights[-1])
        for layer in LAYERS:
            nightly.make_layer(layer, night, run_id)
        nightly.commit(night, run_id)
        if night == nights[-1]:  # what is published replaces what was; to publish each would take half as long again
            nightly.publish(night, run_id)
            nightly.export(night, run_id)
            nightly.report(night, run_id)
        nightly.finish(night, run_id)


def _measured(home: Path, work: Path) -> dict[str, Any]:
    """What the next night costs in a copy of a home; Airflow's database stays from copy to copy."""
    work.mkdir(parents=True, exist_ok=True)
    for path in work.glob("*"):
        if path.name != "airflow":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    # Files of a home are replaced, never written to again.
    shutil.copytree(home, work, copy_function=os.link, dirs_exist_ok=True)
    out = work / "measured.json"
    command = [sys.executable, "-m", "pipelines.ops.cli", "run", "--date", f"{NEXT_DAY}", "--home", str(work)]
    began = time.perf_counter()
    subprocess.run([*command, "--measure", str(out)], check=True)  # noqa: S603 our own command
    measured: dict[str, Any] = json.loads(out.read_text())
    return measured | {"wall_seconds": time.perf_counter() - began}


def _typical(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The median of each figure of several runs of one night."""
    steps = []
    for same in zip(*(sorted(result["steps"], key=lambda step: str(step["step"])) for result in results), strict=True):
        middle = {key: median(step[key] for step in same) for key in ("seconds", "peak_mib")}
        steps.append(same[0] | middle)
    keys = [key for key in results[0] if key != "steps"]
    return {key: round(median(result[key] for result in results), 2) for key in keys} | {"steps": steps}


def _sizes(home: Path) -> dict[str, int]:
    """Files and bytes of a home's lake, the data files that its last night names, and the size of its manifest."""
    lake = Lake(home)
    sizes = [path.stat().st_size for path in lake.root.rglob("*") if path.is_file()]
    manifest = lake.manifest(lake.nights()[-1])
    named = {path for state in manifest.tables.values() for path in state.paths()}
    size = len(manifest.model_dump_json(exclude_defaults=True))
    return {"files": len(sizes), "mib": sum(sizes) >> 20, "files_named": len(named), "manifest_kib": size >> 10}


def main(
    customers: Annotated[int, typer.Option(min=1)] = 800,
    nights: Annotated[int, typer.Option(min=2, max=DAYS)] = 365,
    home: Annotated[Path, typer.Option(help="A new folder for the homes; must not exist.")] = Path("build/year"),
) -> None:
    """Time a night after so many nights, and the same night after one load of the same data."""
    if home.exists():
        raise typer.BadParameter(f"{home} exists; remove it, or give another --home")
    typer.echo(json.dumps(run_year(home.resolve(), customers, nights), indent=1))


if __name__ == "__main__":
    typer.run(main)

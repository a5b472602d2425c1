"""The benchmark: synthetic extracts of any size, a cold start and an ordinary night, seconds and memory by task."""

import json
import os
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.catalog import tables
from pipelines.engines.sql import identifier, literal
from pipelines.intake.landing import find_files
from pipelines.settings import Settings
from pipelines.store.home import landing_folder
from pipelines.store.lake import Lake
from pipelines.store.manifest import Manifest
from pipelines.table import Table
from pipelines.tables.inputs import columns_read, contract_of, stored_inputs

HISTORY_END, NEXT_DAY = date(2025, 12, 29), date(2025, 12, 30)


DAYS = 730  # of the history, and one more


START = np.datetime64("2024-01-01T00:00:00")


PRODUCTS = 5_000


_CHUNK = 1_000_000


def write_extracts(landing: Path, customers: int, seed: int = 7) -> dict[str, int]:
    """Write a retailer's two years, and one day more, as CSV parts; returns rows by source.

    Purchases follow a Pareto/NBD process (Schmittlein, Morrison, Colombo 1987), spend is log-normal around a
    customer's own mean. Memory does not grow with the number of customers: they come in chunks of a million.
    """
    random = np.random.default_rng(seed)
    price = prices(random)
    rows: dict[str, int] = {}
    with duckdb.connect() as connection:
        for first in range(0, customers, _CHUNK):
            for source, (table, day) in chunk(random, first, min(_CHUNK, customers - first), price).items():
                for folder, is_there in ((HISTORY_END, day < DAYS - 1), (NEXT_DAY, day >= DAYS - 1)):
                    part = table.filter(pa.array(is_there))
                    path = landing / f"{folder}" / source / f"part-{first // _CHUNK:03d}.csv"
                    write_csv(connection, part, path)
                    rows[source] = rows.get(source, 0) + part.num_rows
        product = np.arange(PRODUCTS)
        categories = pa.table({"product_id": ids("P", product), "category": ids("category ", product % 40)})
        write_csv(connection, categories, landing / f"{HISTORY_END}" / "products.csv")
        for folder in (HISTORY_END, NEXT_DAY):
            codes = pa.table({"promo_code": ids("CODE", np.arange(60)), "cost_amount": np.full(60, 1000.0)})
            write_csv(connection, codes, landing / f"{folder}" / "promo_codes.csv")
    return rows


def prices(random: np.random.Generator) -> Any:
    """The price of each product."""
    return np.round(np.exp(random.normal(4.5, 0.8, PRODUCTS)), 2)


def write_csv(connection: duckdb.DuckDBPyConnection, table: pa.Table, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection.register("part", table)
    connection.execute("COPY part TO $path (FORMAT csv, HEADER)", {"path": str(path)})


def ids(prefix: str, numbers: Any) -> pa.Array:
    return pa.array(np.char.add(prefix, numbers.astype(str)))


def chunk(random: np.random.Generator, first: int, n: int, price: Any) -> dict[str, tuple[pa.Table, Any]]:
    """Each source's rows of `n` customers, with the day (0 the first) on which each row is delivered.

    The draws come in a fixed order, so that a seed makes the same retailer for ever.
    """
    joined = random.uniform(0, DAYS, n)
    owner, day = _purchases(random, joined)
    lines = 1 + random.poisson(2, len(owner))
    receipt = np.repeat(np.arange(len(owner)), lines)
    product = (random.pareto(1.1, len(receipt)) * 50).astype(np.int64) % PRODUCTS
    quantity = 1 + random.poisson(0.3, len(receipt))
    taste = np.exp(random.normal(0, 0.3, n))
    amount = np.round(price[product] * quantity * taste[owner[receipt]], 2)
    has_code = random.random(len(owner)) < 0.08
    customer_id = ids("C", first + np.arange(n))
    receipt_id = np.char.add(f"R{first // _CHUNK:03d}-", np.arange(len(owner)).astype(str))
    issued_at = START + (day * 86_400).astype("timedelta64[s]")
    people = _customers(random, customer_id, first, joined)
    receipts = pa.table(
        {
            "receipt_id": receipt_id,
            "customer_id": customer_id.take(pa.array(owner)),
            "issued_at": issued_at,
            "sales_channel": np.where(random.random(len(owner)) < 0.3, "online", "offline"),
            "total_amount": np.round(np.bincount(receipt, amount, len(owner)), 2),
        }
    )
    receipt_lines = pa.table(
        {
            "receipt_id": receipt_id[receipt],
            "line_number": np.arange(len(receipt)) - np.repeat(np.cumsum(lines) - lines, lines) + 1,
            "product_id": ids("P", product),
            "quantity": quantity,
            "amount": amount,
            "cost_amount": np.round(amount * 0.7, 2),
        }
    )
    return {
        "crm_customers": (people, joined),
        "receipts": (receipts, day),
        "receipt_lines": (receipt_lines, day[receipt]),
        "promo_redemptions": (_redemptions(random, receipt_id, issued_at, has_code), day[has_code]),
    }


def _purchases(random: np.random.Generator, joined: Any) -> tuple[Any, Any]:
    """The customer and the day (a fraction) of each receipt; a customer's first is on the day they joined."""
    n = len(joined)
    rate = random.gamma(1.2, 1 / 28, n)
    lifetime = np.minimum(random.exponential(1 / np.maximum(random.gamma(0.9, 1 / 250, n), 1e-9)), DAYS - joined)
    owner = np.repeat(np.arange(n), random.poisson(rate * lifetime) + 1)
    day = joined[owner] + random.uniform(0, 1, len(owner)) * lifetime[owner]
    day[np.flatnonzero(np.diff(owner, prepend=-1))] = joined
    return owner, day


def _customers(random: np.random.Generator, customer_id: pa.Array, first: int, joined: Any) -> pa.Table:
    number = (first + np.arange(len(joined))).astype(str)
    return pa.table(
        {
            "customer_id": customer_id,
            "registered_at": START + (joined * 86_400).astype("timedelta64[s]"),
            "region": ids("region ", random.integers(1, 31, len(joined))),
            "email": pa.array(np.char.add(np.char.add("user", number), "@example.com")),
            "phone": pa.array(np.char.add("+7900", np.char.zfill(number, 7))),
            **{f"{channel}_consent": random.random(len(joined)) < 0.6 for channel in ("email", "sms", "ads")},
        }
    )


def _redemptions(random: np.random.Generator, receipt_id: Any, issued_at: Any, has_code: Any) -> pa.Table:
    redeemed = pa.table(
        {
            "promo_code": ids("CODE", random.integers(0, 60, len(receipt_id))),
            "receipt_id": receipt_id,
            "redeemed_at": issued_at,
            "discount_amount": np.round(random.uniform(10, 100, len(receipt_id)), 2),
        }
    )
    return redeemed.filter(pa.array(has_code))


class Meter:
    """Listens to the steps of a night in this process: seconds and peak memory of each."""

    def __init__(self) -> None:
        self.steps: list[dict[str, Any]] = []
        self._began, self._cpu, self._io = time.perf_counter(), time.process_time(), _reads()
        _reset_peak()

    def __call__(self, step: str, rows: int | None, seconds: float) -> None:
        self.steps.append({"step": step, "rows": rows, "seconds": round(seconds, 3), "peak_mib": _peak_mib()})
        _reset_peak()

    def result(self) -> dict[str, Any]:
        """What was measured since the meter was made; `airflow` is the time outside all steps."""
        seconds, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        in_steps = sum(step["seconds"] for step in self.steps)
        times = {"seconds": round(seconds, 2), "airflow": round(seconds - in_steps, 2), "cpu_seconds": round(cpu, 2)}
        return times | {"reads": _reads() - self._io, "steps": self.steps}


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # Linux resets the peak


def _reads() -> int:
    """How often this process has read from a file."""
    return int(Path("/proc/self/io").read_text().split("syscr: ")[1].split()[0])


def _peak_mib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


def write_settings(home: Path) -> None:
    """Say what a home's first night asks for."""
    lines = {"LOYALTY_TIMEZONE": "UTC", "LOYALTY_CURRENCY": "USD", "LOYALTY_PHONE_REGION": "US"}
    (home / "settings.env").write_text("".join(f"{k}={v}\n" for k, v in lines.items()), encoding="utf-8")


def run_bench(home: Path, customers: int) -> dict[str, Any]:
    """Generate extracts in a new home, run both nights there, each in a process of its own; returns what was measured.

    Raises:
        subprocess.CalledProcessError: a night failed; its output was shown.
    """
    rows = write_extracts(home / "landing", customers)
    write_settings(home)
    nights = {}
    for name, night in (("cold start", HISTORY_END), ("ordinary night", NEXT_DAY)):
        measured = home / f"{night}.json"
        command = [sys.executable, "-m", "pipelines.ops.cli", "run", "--date", f"{night}", "--home", str(home)]
        began = time.perf_counter()
        subprocess.run([*command, "--measure", str(measured)], check=True)  # noqa: S603 our own command
        nights[name] = json.loads(measured.read_text()) | {"wall_seconds": round(time.perf_counter() - began, 2)}
    nights["cold start"]["floors"] = floors(home, HISTORY_END)
    machine = {"cores": len(os.sched_getaffinity(0)), "python": platform.python_version(), "duckdb": duckdb.__version__}
    return {"customers": customers, "rows": rows, "machine": machine, "nights": nights}


def floors(home: Path, night: date) -> dict[str, float]:
    """Seconds that each table of a committed night would need at least: its input read once, grouped by its key.

    A source's floor is its CSV parts read as text into one Parquet file; a SQL table's the columns that it names, of
    all inputs, read once, and the bare GROUP BY of its key if one input has all of that.
    """
    settings = Settings(home=home)  # type: ignore[call-arg]
    lake = Lake(home)
    manifest = lake.manifest(night)
    found = {}
    with duckdb.connect(config={"memory_limit": settings.memory_limit, "threads": settings.threads}) as connection:
        for table in tables().values():
            if table.kind == "source":
                queries = _bare_copies(landing_folder(settings, night), table.name, home / "floor.parquet")
            elif table.kind == "sql" and not table.is_view:
                queries = _bare_reads(table, manifest, lake)
            else:
                continue
            began = time.perf_counter()
            for query in queries:
                connection.execute(query).fetchall()
            found[table.name] = round(time.perf_counter() - began, 3)
    (home / "floor.parquet").unlink(missing_ok=True)
    return found


def _bare_copies(folder: Path, source: str, target: Path) -> list[str]:
    files = [path for path in find_files(folder, source) if path.suffix == ".csv"]
    listed = ", ".join(literal(str(path)) for path in files)
    read = f"read_csv([{listed}], header = true, all_varchar = true)"
    return [f"COPY (FROM {read}) TO {literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"] if files else []


def _bare_reads(table: Table, manifest: Manifest, lake: Lake) -> list[str]:
    queries = []
    key = contract_of(table.name).key
    for name in sorted(stored_inputs(table)):
        data_files = manifest.tables[name].data_files if name in manifest.tables else ()
        columns = columns_read(table, contract_of(name))
        if data_files and columns:
            files = f"read_parquet([{', '.join(literal(str(lake.path(file.path))) for file in data_files)}])"
            read = ", ".join(f"MAX({identifier(column)})" for column in columns)
            queries.append(f"SELECT {read} FROM {files}")
            if key and set(key) <= set(columns):
                queries.append(f"SELECT COUNT(*) FROM (FROM {files} SELECT 1 GROUP BY {', '.join(key)})")
    return queries


def comparison(result: dict[str, Any], other: dict[str, Any] | None) -> str:
    """Seconds and peak memory by step of each night, slowest first; beside those of another result, if given."""
    lines = [f"{result['customers']:,} customers, {result['rows']['receipt_lines']:,} lines, {result['machine']}"]
    for name, night in result["nights"].items():
        before = (other or {"nights": {}})["nights"].get(name)
        lines.append(_night_line(name, night, before))
        known = {step["step"]: step for step in before["steps"]} if before else {}
        for step in sorted(night["steps"], key=lambda step: -step["seconds"]):
            step_before = known.get(step["step"])
            if step["seconds"] >= 0.05 or (step_before and step_before["seconds"] >= 0.05):
                lines.append(_step_line(step, night.get("floors", {}).get(step["step"]), step_before))
    return "\n".join(lines)


def _night_line(name: str, night: dict[str, Any], before: dict[str, Any] | None) -> str:
    def peak(measured: dict[str, Any]) -> int:
        return int(max(step["peak_mib"] for step in measured["steps"]))

    line = f"\n{name}: {night['wall_seconds']:.1f} s in all, {night['airflow']:.1f} s of it Airflow"
    line += f", peak {peak(night):,} MiB"
    if before:
        line += f"   (before: {before['wall_seconds']:.1f} s, {before['airflow']:.1f} s, {peak(before):,} MiB)"
    return line


def _step_line(step: dict[str, Any], floor: float | None, before: dict[str, Any] | None) -> str:
    line = f"  {step['step']:28s} {step['seconds']:8.2f} s {step['peak_mib']:7,} MiB"
    if floor:
        line += f"   {step['seconds'] / floor:5.1f} x the floor of {floor:.2f} s"
    if before:
        line += f"   ({before['seconds']:.2f} s, {before['peak_mib']:,} MiB)"
    return line

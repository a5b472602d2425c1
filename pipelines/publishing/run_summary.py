"""What the command line prints at the end of a night, and of a home as a whole."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from shlex import quote
from typing import Any

import duckdb

from pipelines.catalog import tables
from pipelines.contracts import sources, table_contract
from pipelines.engines.sql import one_file
from pipelines.errors import LoyaltyError
from pipelines.publishing.night_warnings import landing_warnings, never_loaded_folders, night_warnings
from pipelines.publishing.text_table import text_table
from pipelines.settings import Settings
from pipelines.store.home import (
    exports_folder,
    night_folders,
    published_night,
    reports_folder,
    warehouse_path,
)
from pipelines.store.lake import Lake
from pipelines.store.manifest import Manifest, TableState


def _sources(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """What the manifest says of each source's extract, by source."""
    return {name: manifest.tables[name].info for name in sources()}


def print_summary(settings: Settings, night: date, seconds: float, *, is_last: bool, delivers: bool = True) -> None:
    """Print a night's rows by source, its warnings and seconds; after the last night also where the results are.

    Args:
        settings: Of the home.
        night: That is through.
        seconds: That it took.
        is_last: Whether no other night follows in this run.
        delivers: Whether its lists were allowed to leave.
    """
    manifest = Lake(settings.home).manifest(night)
    delivered = {name: info for name, info in _sources(manifest).items() if info["is_present"]}
    rows: list[Sequence[str]] = [("source", "read", "loaded", "rejected", "duplicate", "superseded")]
    for name, info in delivered.items():
        counts = (info["counts"][f"rows_{kind}"] for kind in ("read", "loaded", "rejected", "duplicate"))
        rows.append((name, *(f"{count:,}" for count in counts), f"{info['rows_superseded']:,}"))
    print(text_table(rows))
    absent = [name for name in sources() if name not in delivered]
    if absent:
        print(f"  not delivered tonight: {', '.join(absent)}")
    for warning in night_warnings(settings, manifest):
        print(f"  look at: {warning}")
    published = published_night(settings.home)
    if published == night:
        print(f"Night {night} is published, in {seconds:.1f} s.")
        if not delivers:
            print("  its lists did not leave: of several nights only the last sends; --deliver-each lets each send")
    else:
        print(f"Night {night} is built, in {seconds:.1f} s. The warehouse stays that of {published}; nothing was sent.")
    if is_last and published is not None:
        _print_where(settings, published)


def _print_where(settings: Settings, night: date) -> None:
    """Print where the published night's results are, and commands to try next."""
    home = _shown(settings.home)
    there = f"--home {quote(str(home))}"
    with duckdb.connect(str(warehouse_path(settings.home)), read_only=True) as warehouse:

        def count(select: str) -> str:
            row = warehouse.execute(select).fetchone()
            return f"{row[0]:,}" if row else "0"

        customers = count("SELECT COUNT(*) FROM customer_360")
        segments = count("SELECT COUNT(DISTINCT segment) FROM customer_segment")
        listed = count("SELECT COUNT(*) FROM campaign_list")
    print(f"""
{customers} customers in {segments} segments; {listed} entries on tonight's campaign lists.
  warehouse  {warehouse_path(home)}
  report     {reports_folder(home, night)}/index.html
  exports    {exports_folder(home, night)}/

Try next:
  .venv/bin/loyalty query {there} "SELECT segment, COUNT(*) AS customers FROM customer_segment GROUP BY ALL"
  xdg-open {quote(f"{reports_folder(home, night)}/index.html")}
  .venv/bin/loyalty status {there}""")


def _shown(path: Path) -> Path:
    """A path as a person would type it in the current folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def print_status(settings: Settings) -> None:
    """Print what a home holds: its nights, which one is published, which are to be run again, what waits in landing."""
    check_contracts()
    lake = Lake(settings.home)
    nights = lake.nights()
    print(f"Home {settings.home}: time zone {settings.timezone}, currency {settings.currency}")
    for left in lake.open_nights():
        print(f"  {left} was begun and is not finished: it runs now, or it broke off; then run it again.")
    if not nights:
        print(f"  no night yet. Landing folders: {settings.landing_dir}")
        _print_landing_warnings(settings, None)
        _print_stopped(lake)
        return
    published = published_night(settings.home)
    stale = set(lake.stale_nights())
    rows: list[Sequence[str]] = [("night", "rows read", "rejected", "state")]
    for night in nights:
        manifest = lake.manifest(night)
        counts = [info["counts"] for info in _sources(manifest).values()]
        read, rejected = (sum(count[kind] for count in counts) for kind in ("rows_read", "rows_rejected"))
        state = "published" if night == published else "built"
        if night in stale:
            state += "; run it again, an earlier night changed"
        if manifest.accepted:
            state += f"; accepted: {', '.join(manifest.accepted)}"
        rows.append((f"{night}", f"{read:,}", f"{rejected:,}", state))
    print(text_table(rows))
    _print_stopped(lake)
    waiting = [path.name for path in night_folders(settings.landing_dir) if path.name > f"{nights[-1]}"]
    if waiting:
        print(f"  next landing folders: {', '.join(waiting)}")
    never_loaded = never_loaded_folders(settings, lake, nights[-1])
    if never_loaded:
        print(f"  never loaded: {', '.join(never_loaded)}")
    _print_landing_warnings(settings, nights[-1])


def check_contracts() -> None:
    """Read every contract that a night will read.

    Raises:
        ContractError: one is not valid; the message names its file.
        MissingContractError: a table has none; the message names the file to write.
    """
    sources()
    for name, table in tables().items():
        if table.layer != "staging":
            table_contract(name)


def _print_landing_warnings(settings: Settings, last: date | None) -> None:
    """Print what the last night's landing folder, and those that wait, hold without anybody reading it."""
    for warning in landing_warnings(settings, last):
        print(f"  look at: {warning}")


def _print_stopped(lake: Lake) -> None:
    """Print what stopped the nights that were not run again since."""
    for stopped in lake.stopped.steps():
        print(f"  stopped: {stopped.run_date} at {stopped.step}: {stopped.reason.splitlines()[0]}")


def print_rejected(settings: Settings, night: date, source: str | None, limit: int) -> None:
    """Print the rows of a night's extracts that were rejected: where each is, the rule it breaks, the row as received.

    Of a night that bad data stopped, they are the rows rejected until then.

    Raises:
        LoyaltyError: the night is not known, or no source has this name.
    """
    lake = Lake(settings.home)
    if source is not None and source not in sources():
        raise LoyaltyError(f"no source is named {source!r}. There are: {', '.join(sources())}")
    stopped = lake.stopped.steps(night)
    if night not in lake.nights() and not stopped:
        raise LoyaltyError(
            f"night {night} was never loaded into {settings.home}; `loyalty status` lists those that were, and "
            f"`loyalty check --date {night}` reads its landing folder"
        )
    if stopped:
        print(
            f"Night {night} was stopped at {', '.join(s.step for s in stopped)}; these rows were rejected until then."
        )
        states = {name: state for step in stopped for name, state in step.tables.items()}
        states |= lake.rejected_in_draft(night)
    else:
        states = lake.manifest(night).tables
    of_sources = (states.get(f"rejected_{name}", TableState()) for name in ([source] if source else sources()))
    data_files = [file for state in of_sources for file in state.data_files]
    total = sum(file.rows for file in data_files)
    if not total:
        print(f"No row was rejected in night {night}{f' of {source}' if source else ''}.")
        return
    paths = [one_file(lake.path(file.path)) for file in data_files]
    with duckdb.connect() as connection:
        shown = connection.execute(
            "SELECT source, file, row_number, rule, row_values FROM read_parquet($paths) "
            "ORDER BY source, file, row_number LIMIT $limit",
            {"paths": paths, "limit": limit},
        ).fetchall()
    for name, extract, row_number, rule, values in shown:
        print(f"{name}  {extract}  row {row_number}  {rule}  {values}")
    if len(shown) < total:
        print(f"{total - len(shown):,} more of {total:,}; --limit shows them.")

"""The command line: demo data, nights, backtests, erasures, what a home holds, and files for something new."""

import json
import shlex
import sys
import time
import traceback
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.errors import BadDataError, LoyaltyError
from pipelines.ops import cli_mapping
from pipelines.ops.cli_campaigns import add_commands, print_held
from pipelines.ops.cli_check import add_check
from pipelines.ops.cli_init import add_init
from pipelines.ops.cli_inspect import add_inspect
from pipelines.ops.cli_new import new
from pipelines.ops.cli_options import Home, day_of, fail, settings_of
from pipelines.settings import ROOT

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.add_typer(new, name="new")
add_commands(app)
cli_mapping.add_commands(app)
add_inspect(app)
add_check(app)
add_init(app)


class _Progress:
    """A line for each finished task."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def __call__(self, step: str, rows: int | None, seconds: float) -> None:
        self._done += 1
        shown = "" if rows is None else f"{rows:,} rows"
        number = f"{self._done:{len(str(self._total))}d}/{self._total}"
        print(f"  [{number}] {step:28s} {shown:>18s} {seconds:7.2f} s", flush=True)


class Retailer(StrEnum):
    """The demo's retailers."""

    COMPLETE_JOURNEY = "complete-journey"
    GENERATED = "generated"


@app.command()
def demo(
    home: Home = None,
    retailer: Annotated[
        Retailer,
        typer.Option(help="complete-journey: a real grocer's year. generated: a made-up one that has everything."),
    ] = Retailer.COMPLETE_JOURNEY,
) -> None:
    """Write a demo retailer's extracts and its settings into the home."""
    settings = settings_of(home, makes_home=True)
    from pipelines.ops.demo import DEMO_SETTINGS, write_demo
    from pipelines.ops.generated_demo import GENERATED_FILES, GENERATED_SETTINGS, write_generated

    is_generated = retailer is Retailer.GENERATED
    wanted, write = (GENERATED_SETTINGS, write_generated) if is_generated else (DEMO_SETTINGS, write_demo)
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = settings.home / "settings.env"
    if not config.exists():
        config.write_text("".join(f"{name}={value}\n" for name, value in wanted.items()), encoding="utf-8")
        if is_generated:
            for file in GENERATED_FILES:
                (settings.home / file.name).write_bytes(file.read_bytes())
    elif settings.currency != wanted["LOYALTY_CURRENCY"]:
        raise fail(
            LoyaltyError(f"{settings.home} is the home of another retailer; give a folder of its own with --home")
        )
    summary = write(settings.landing_dir)
    print(f"Demo extracts in {settings.landing_dir}:")
    for night, rows in summary.rows.items():
        print(f"  {night}  {rows['receipts']:>8,} receipts  {rows['receipt_lines']:>10,} lines")
    for note in summary.notes:
        print(f"  note: {note}")


def _nights(day: date | None, first: date | None, last: date | None) -> list[date]:
    """The nights that --date, or --from and --to, ask for, in order."""
    if day is not None and first is None and last is None:
        first = last = day
    elif day is not None or first is None or last is None:
        raise typer.BadParameter("give --date, or --from and --to")
    if nights := [first + timedelta(n) for n in range((last - first).days + 1)]:
        return nights
    raise typer.BadParameter("--to is before --from")


@app.command()
def run(
    day: Annotated[
        date | None, typer.Option("--date", parser=day_of, metavar="YYYY-MM-DD", help="Business date.")
    ] = None,
    first: Annotated[
        date | None, typer.Option("--from", parser=day_of, metavar="YYYY-MM-DD", help="First of several.")
    ] = None,
    last: Annotated[
        date | None, typer.Option("--to", parser=day_of, metavar="YYYY-MM-DD", help="Last of several.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE.EXPECTATION", help="Let this limit pass, once. May be given several times."),
    ] = None,
    deliver_each: Annotated[
        bool, typer.Option("--deliver-each", help="Of several nights let each send its lists, not the last alone.")
    ] = False,
    measure: Annotated[Path | None, typer.Option(help="Write seconds and peak memory by step to this file.")] = None,
    home: Home = None,
) -> None:
    """Run a night, or several in order, by the same Airflow DAG that the scheduler runs. The last sends its lists."""
    nights = _nights(day, first, last)
    if accept and len(nights) > 1:
        raise typer.BadParameter("--accept is for one night: give --date")
    settings = settings_of(home)
    if not settings.landing_dir.is_dir():
        print(f"Error: {settings.landing_dir}: no such folder. Deliver the night's extracts there.", file=sys.stderr)
        raise typer.Exit(1)
    from pipelines.ops import nightly
    from pipelines.ops.airflow_process import nightly_dag
    from pipelines.ops.terminal import end_at_once_on_signals, outlast_readers
    from pipelines.publishing.run_summary import print_summary
    from pipelines.store.lake import Lake

    outlast_readers()
    try:
        nightly.check_settings(settings)  # Airflow, which says it too, takes seconds to start
    except LoyaltyError as error:
        raise fail(error) from None
    if measure:
        from pipelines.ops.bench import Meter

        nightly.listeners.append(meter := Meter())
    try:
        with nightly_dag(settings) as dag:
            end_at_once_on_signals(dag.tasks, "`loyalty status` names a night that is not finished; run it again.")
            for left in Lake(settings.home).open_nights():
                print(f"Night {left} was begun and not finished; that run of it ends when this one begins.")
            for night in nights:
                began = time.perf_counter()
                print(f"Night {night} in {settings.home}", flush=True)
                is_last = night == nights[-1]
                if not _run_night(dag, night, accept or [], delivers=is_last or deliver_each):
                    raise typer.Exit(1)
                seconds = time.perf_counter() - began
                print_summary(settings, night, seconds, is_last=is_last, delivers=is_last or deliver_each)
    except LoyaltyError as error:
        raise fail(error) from None
    if measure:
        measure.write_text(json.dumps(meter.result(), indent=1), encoding="utf-8")


def _run_night(dag: Any, night: date, accept: list[str], *, delivers: bool = True) -> bool:
    """Run a night and say how it failed, if it did."""
    from pipelines.ops.airflow_process import run_night
    from pipelines.ops.nightly import step_names
    from pipelines.settings import load_settings
    from pipelines.store.home import published_night

    outcome = run_night(dag, night, _Progress(len(step_names())), accept, delivers=delivers)
    if outcome.is_success:
        return True
    for error in outcome.failures:
        if not isinstance(error, LoyaltyError):
            traceback.print_exception(error)
        print(f"Error: {error}", file=sys.stderr)
    if not outcome.failures:
        tasks = ", ".join(outcome.failed_tasks)
        print(f"Error: Airflow could not run {tasks}, and gave no reason.", file=sys.stderr)
    shown = published_night(load_settings().home)
    stays = "its warehouse was published before that" if shown == night else "what was published before is unchanged"
    print(f"Night {night} failed; {stays}.", file=sys.stderr)
    if any(isinstance(error, BadDataError) for error in outcome.failures):
        home = shlex.quote(f"{load_settings().home}")
        print(f"All that is odd in its folder: loyalty check --date {night} --home {home}", file=sys.stderr)
    return False


@app.command()
def erase(
    customer: Annotated[
        str, typer.Option(help="The source's customer_id; or the e-mail, if mapping.yaml makes ids of e-mails.")
    ],
    dry_run: Annotated[bool, typer.Option(help="Say what would change, and change nothing.")] = False,
    discard_night: Annotated[bool, typer.Option(help="Discard a night that broke off; run it afterwards.")] = False,
    home: Home = None,
) -> None:
    """Erase a person with all accounts, everywhere in the home, then search for them. Receipts stay, anonymous."""
    settings = settings_of(home)
    from pipelines.privacy.erase import erase as erase_person
    from pipelines.privacy.erase import summary

    try:
        outcome = erase_person(customer, settings, dry_run=dry_run, discard_open=discard_night)
    except (LoyaltyError, OSError) as error:
        raise fail(error) from None
    print("\n".join(summary(outcome)))
    if outcome.found:
        raise typer.Exit(1)


class _Dimension(StrEnum):
    """How a backtest groups customers."""

    decile = "decile"
    cohort = "first_order_quarter"
    rfm_segment = "rfm_segment"


@app.command()
def backtest(
    day: Annotated[
        date | None,
        typer.Option(
            "--date", parser=day_of, metavar="YYYY-MM-DD", help="A night that was run; the last, if not given."
        ),
    ] = None,
    by: Annotated[_Dimension | None, typer.Option(help="Show the latest forecasts by these groups.")] = None,
    home: Home = None,
) -> None:
    """Compare past forecasts with what customers then did. Nights that are run afterwards show the result."""
    settings = settings_of(home)
    from pipelines.backtests.run import committed_night, run_backtest
    from pipelines.publishing.backtest_summary import backtest_lines
    from pipelines.store.lake import Lake

    began = time.perf_counter()
    try:
        night = committed_night(Lake(settings.home), day)
        result = run_backtest(night, settings, lambda step: print(f"  {step} ...", flush=True))
    except (LoyaltyError, OSError) as error:
        raise fail(error) from None
    print("\n".join(backtest_lines(result, by.value if by else None)))
    print(f"\nKept, in {time.perf_counter() - began:.1f} s. Nights from {night} on that are run now or later show it.")


@app.command()
def status(home: Home = None) -> None:
    """Show what the home holds: nights, what is published, what should be run again, campaigns that are held back."""
    settings = settings_of(home)
    from pipelines.errors import LoyaltyError
    from pipelines.publishing.run_summary import print_status

    try:
        print_status(settings)
        print_held(settings)
    except LoyaltyError as error:
        raise fail(error) from None


@app.command()
def rejected(
    day: Annotated[
        date, typer.Option("--date", parser=day_of, metavar="YYYY-MM-DD", help="Business date of a night that was run.")
    ],
    source: Annotated[str | None, typer.Option(help="Of this source only.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many rows.")] = 20,
    home: Home = None,
) -> None:
    """Show rejected rows of a night's extracts: file, row number, rule, and the row as received."""
    settings = settings_of(home)
    from pipelines.publishing.run_summary import print_rejected

    try:
        print_rejected(settings, day, source, limit)
    except LoyaltyError as error:
        raise fail(error) from None


@app.command()
def query(
    sql: Annotated[str, typer.Argument(help="A SELECT over the published tables; SHOW TABLES lists them.")],
    home: Home = None,
) -> None:
    """Query the published warehouse."""
    import duckdb

    from pipelines.store.home import warehouse_path

    path = warehouse_path(settings_of(home).home)
    try:
        with duckdb.connect(str(path), read_only=True) as warehouse:
            print(warehouse.sql(sql))
    except duckdb.Error as error:
        raise fail(error) from None


@app.command()
def publish(
    portable: Annotated[Path, typer.Option(metavar="FILE", help="The DuckDB file to write; must not exist.")],
    home: Home = None,
) -> None:
    """Write the published tables into one file that needs nothing of this home, for another host."""
    settings = settings_of(home)
    from pipelines.publishing.portable import write_portable

    try:
        count = write_portable(portable.absolute(), settings)
    except (LoyaltyError, OSError) as error:
        raise fail(error) from None
    print(
        f"{portable} has {count} tables, and reads nothing else. `loyalty erase` does not reach copies: replace them."
    )


@app.command()
def bench(
    customers: Annotated[int, typer.Option(min=1, help="Size of the synthetic retailer.")] = 1_000_000,
    home: Annotated[Path, typer.Option("--home", help="A new home for it; must not exist.")] = Path("build/bench"),
    out: Annotated[Path, typer.Option(help="Where to keep the result.")] = Path("build/bench.json"),
    compare: Annotated[Path | None, typer.Option(help="An earlier result to set beside it.")] = None,
) -> None:
    """Time a cold start and an ordinary night on synthetic extracts, by task."""
    from pipelines.ops.bench import comparison, run_bench

    if home.exists():
        raise typer.BadParameter(f"{home} exists; remove it, or give another --home")
    before = json.loads(compare.read_text(encoding="utf-8")) if compare else None
    home.mkdir(parents=True)
    result = run_bench(home.resolve(), customers)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=1), encoding="utf-8")
    print(comparison(result, before))
    print(f"Kept in {out}.")


@app.command()
def dictionary() -> None:
    """Print the data dictionary (docs/DATA_DICTIONARY.md) from the contracts."""
    from pipelines.publishing.dictionary import data_dictionary

    print(data_dictionary(), end="")


@app.command()
def env(home: Home = None) -> None:
    """Print the environment in which `airflow standalone` schedules this home: eval "$(loyalty env)"."""
    settings = settings_of(home)
    scheduler = settings.home / "scheduler"
    if "%" in f"{scheduler}":
        print(f"Error: Airflow's scheduler can't work in {settings.home}: its path has a %.", file=sys.stderr)
        raise typer.Exit(2)
    scheduler.mkdir(exist_ok=True)
    scheduler.chmod(0o700)  # Airflow writes its database, logs and the pages' password for everybody to read
    values = {
        "LOYALTY_HOME": settings.home,
        "AIRFLOW_HOME": scheduler,
        "AIRFLOW__CORE__DAGS_FOLDER": ROOT / "dags",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    print("umask 077")
    for name, value in values.items():
        print(f"export {name}={shlex.quote(str(value))}")
    print(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"')


if __name__ == "__main__":
    app()

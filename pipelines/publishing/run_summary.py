"""What the command line says at the end of a night, and of a home as a whole."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from pipelines.contracts import sources
from pipelines.engines.sql import one_file
from pipelines.errors import LoyaltyError
from pipelines.intake.batch_validation import in_words
from pipelines.intake.control_totals import CONTROL_TOTALS
from pipelines.intake.extract import unknown_files
from pipelines.settings import Settings
from pipelines.store.home import published_night
from pipelines.store.lake import Lake
from pipelines.store.manifest import Backtest, Manifest, TableState


def _sources(manifest: Manifest) -> dict[str, dict[str, Any]]:
    return {name: manifest.tables[name].info for name in sources()}


def warnings(settings: Settings, manifest: Manifest) -> list[str]:
    """What a data engineer should look at after a night, in words."""
    found = []
    folder = settings.landing_dir / f"{manifest.run_date}"
    unknown = unknown_files(folder, list(sources())) if folder.is_dir() else []
    if names := [name for name in unknown if name != CONTROL_TOTALS]:
        found.append(f"not read, no source has this name: {', '.join(names)} (in {folder})")
    for name, info in _sources(manifest).items():
        if info["unknown_columns"]:
            found.append(
                f"{name}: columns that the contract doesn't know were left out: {', '.join(info['unknown_columns'])}"
            )
        if info["counts"]["rows_rejected"]:
            found.append(
                f"{name}: {info['counts']['rows_rejected']:,} of {info['counts']['rows_read']:,} rows rejected; "
                f"loyalty rejected --date {manifest.run_date} --source {name} shows them"
            )
        for column, count in info["unknown_values"].items():
            known = ", ".join(next(c.values for c in sources()[name].columns if c.name == column))
            found.append(f"{name}: {count:,} values of {column} are none of {known}; they count as not given")
        is_empty = info["load"] == "full" and info["is_present"] and not info["counts"]["rows_read"]
        if is_empty and manifest.tables[name].rows:
            found.append(f"{name}: came without rows; the last full extract that had some stays the state")
    lake = Lake(settings.home)
    found += _not_met(lake, manifest)
    found += _models_to_doubt(lake, manifest)
    stale = [f"{night}" for night in lake.stale_nights()]
    if stale:
        found.append(f"nights that rest on an earlier version of the data, to be run again: {', '.join(stale)}")
    skipped = _never_loaded(settings, lake, manifest.run_date)
    if skipped:
        found.append(f"landing folders before this night that were never loaded: {', '.join(skipped)}")
    return found


def _not_met(lake: Lake, manifest: Manifest) -> list[str]:
    """Batch expectations of severity warn that the night did not meet."""
    parts = manifest.tables["batch_expectation"].data_files
    rows = [row for part in parts for row in pq.read_table(lake.path(part.path)).to_pylist() if not row["is_met"]]
    return [in_words(row) for row in sorted(rows, key=lambda row: (row["source"], row["expectation"]))]


# Metrics of each model that are told of when their note says alarm; the drift of single inputs is in model_quality.
_DOUBTFUL = {
    "churn": ("new_model_refused", "model_age_days", "psi_score"),
    "growth": ("new_model_refused", "model_age_days", "psi_score"),
    "next_order": ("new_model_refused", "model_age_days", "psi_p_order_again", "psi_next_order_days"),
    "clv": (
        *("new_model_refused", "model_age_days", "spend_new_model_refused", "spend_model_age_days"),
        *("psi_p_alive", "psi_expected_purchases", "psi_expected_purchase_day_value"),
    ),
}


def _models_to_doubt(lake: Lake, manifest: Manifest) -> list[str]:
    """A new model that was refused, one that has grown old, scores that drifted far."""
    names = (
        "churn_fit",
        "churn_drift",
        "clv_fit",
        "clv_drift",
        "spend_growth_fit",
        "spend_growth_drift",
        "next_order_fit",
        "next_order_drift",
    )
    parts = [part for name in names for part in manifest.tables.get(name, TableState()).data_files]
    rows = [row for part in parts for row in pq.read_table(lake.path(part.path)).to_pylist()]
    return [
        f"model {row['model']}, {row['metric']} {row['value']:g}: {row['note'].removeprefix('alarm; ')}"
        for row in sorted(rows, key=lambda row: (str(row["model"]), str(row["metric"])))
        if row["metric"] in _DOUBTFUL.get(row["model"], ()) and row["note"].startswith("alarm; ")
    ]


def _never_loaded(settings: Settings, lake: Lake, until: date) -> list[str]:
    loaded = {f"{night}" for night in lake.nights()}
    folders = sorted(path.name for path in settings.landing_dir.glob("????-??-??") if path.is_dir())
    return [name for name in folders if name not in loaded and name < f"{until}"]


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = (
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(f"  {line.rstrip()}" for line in lines)


def print_summary(settings: Settings, night: date, seconds: float, *, is_last: bool) -> None:
    """Rows, rejects and seconds of a night; where things are; and what to try next."""
    manifest = Lake(settings.home).manifest(night)
    rows: list[Sequence[str]] = [("source", "read", "loaded", "rejected", "duplicate", "superseded")]
    present = {name: info for name, info in _sources(manifest).items() if info["is_present"]}
    for name, info in present.items():
        rows.append(
            (
                name,
                *(f"{info['counts'][f'rows_{k}']:,}" for k in ("read", "loaded", "rejected", "duplicate")),
                f"{info['rows_superseded']:,}",
            )
        )
    print(_table(rows))
    absent = [name for name in sources() if name not in present]
    if absent:
        print(f"  not delivered tonight: {', '.join(absent)}")
    for warning in warnings(settings, manifest):
        print(f"  look at: {warning}")
    published = published_night(settings.home)
    if published == night:
        print(f"Night {night} is published, in {seconds:.1f} s.")
    else:
        print(f"Night {night} is built, in {seconds:.1f} s. The warehouse stays that of {published}; nothing was sent.")
    if is_last and published is not None:
        _print_where(settings, published)


def _print_where(settings: Settings, night: date) -> None:
    import duckdb

    home = _shown(settings.home)
    with duckdb.connect(str(settings.home / "warehouse.duckdb"), read_only=True) as warehouse:

        def count(select: str) -> str:
            row = warehouse.execute(select).fetchone()
            return f"{row[0]:,}" if row else "0"

        customers = count("SELECT COUNT(*) FROM customer_360")
        segments = count("SELECT COUNT(DISTINCT segment) FROM customer_segment")
        listed = count("SELECT COUNT(*) FROM campaign_list")
    print(f"""
{customers} customers in {segments} segments; {listed} entries on tonight's campaign lists.
  warehouse  {home}/warehouse.duckdb
  report     {home}/reports/{night}/index.html
  exports    {home}/exports/{night}/

Try next:
  .venv/bin/loyalty query --home {home} "SELECT segment, COUNT(*) AS customers FROM customer_segment GROUP BY ALL"
  xdg-open {home}/reports/{night}/index.html
  .venv/bin/loyalty status --home {home}""")


def _shown(path: Path) -> Path:
    """A path as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def print_status(settings: Settings) -> None:
    """What a home holds: nights, what is published, what should be run again."""
    lake = Lake(settings.home)
    nights = lake.nights()
    print(f"Home {settings.home}: time zone {settings.timezone}, currency {settings.currency}")
    if not nights:
        print(f"  no night yet. Landing folders: {settings.landing_dir}")
        return
    published = published_night(settings.home)
    stale = set(lake.stale_nights())
    rows: list[Sequence[str]] = [("night", "rows read", "rejected", "state")]
    for night in nights:
        counts = [info["counts"] for info in _sources(lake.manifest(night)).values()]
        state = "published" if night == published else "built"
        if night in stale:
            state += "; run it again, an earlier night changed"
        rows.append(
            (
                f"{night}",
                f"{sum(c['rows_read'] for c in counts):,}",
                f"{sum(c['rows_rejected'] for c in counts):,}",
                state,
            )
        )
    print(_table(rows))
    waiting = sorted(p.name for p in settings.landing_dir.glob("????-??-??") if p.is_dir() and p.name > f"{nights[-1]}")
    if waiting:
        print(f"  next landing folders: {', '.join(waiting)}")
    skipped = _never_loaded(settings, lake, nights[-1])
    if skipped:
        print(f"  never loaded: {', '.join(skipped)}")


def print_rejected(settings: Settings, night: date, source: str | None, limit: int) -> None:
    """The rows of a night's extracts that were rejected: where each is, which rule it breaks, and the row as received.

    Raises:
        LoyaltyError: the night is not known, or no source has this name.
    """
    lake = Lake(settings.home)
    if source is not None and source not in sources():
        raise LoyaltyError(f"no source is named {source!r}. There are: {', '.join(sources())}")
    if night not in lake.nights():
        raise LoyaltyError(
            f"night {night} was never loaded into {settings.home}; `loyalty status` lists those that were"
        )
    manifest = lake.manifest(night)
    names = [source] if source else list(sources())
    states = (manifest.tables.get(f"rejected_{name}", TableState()) for name in names)
    parts = [part for state in states for part in state.data_files]
    total = sum(part.rows for part in parts)
    if not total:
        print(f"No row was rejected in night {night}{f' of {source}' if source else ''}.")
        return
    paths = [one_file(lake.path(part.path)) for part in parts]
    with duckdb.connect() as connection:
        shown = connection.execute(
            "SELECT source, file, row_number, rule, row_values FROM read_parquet($paths) "
            "ORDER BY source, file, row_number LIMIT $limit",
            {"paths": paths, "limit": limit},
        ).fetchall()
    for name, file, row_number, rule, values in shown:
        print(f"{name}  {file}  row {row_number}  {rule}  {values}")
    if len(shown) < total:
        print(f"{total - len(shown):,} more of {total:,}; --limit shows them.")


# What a backtest's table shows of each measure: its title, decimals of a mean, and metrics beside the two means.
_BACKTEST = {
    "purchase_days": ("Purchase days per customer (CLV)", 2, ("mean_absolute_error", "rank_correlation")),
    "revenue": ("Revenue per customer (CLV)", 2, ("mean_absolute_error", "rank_correlation", "interval_coverage")),
    "churned": ("Share of active customers that left (churn)", 3, ("auc", "brier")),
    "spent_more": ("Share of customers that spent more than in the horizon before (growth)", 3, ("auc", "brier")),
    "ordered_in_interval": (
        "Share of ended intervals that held the next order (next order)",
        3,
        ("median_error_days", "coverage_of_orders", "brier"),
    ),
}


def backtest_lines(backtest: Backtest, by: str | None = None) -> Iterator[str]:
    """What a backtest says: every forecast beside what happened; or the groups of each latest forecast.

    Args:
        backtest: as it was kept.
        by: a dimension of table backtest; None for the forecasts as a whole.
    """
    yield f"Backtest as of night {backtest.run_date}: forecasts of the past, and what customers then did."
    yield "In brackets: a forecast without a model (as much as in the window before; of churn, the share that left"
    yield "of customers with as many weeks since their last order, one cut-off earlier; of growth, the share that spent"
    yield "more then, of those whose spend had moved alike; of a next order, the usual time after the last one)."
    yield "- is not known."
    groups, quality = backtest.tables["backtest"], backtest.tables["backtest_quality"]
    for measure, (title, digits, shown) in _BACKTEST.items():
        yield ""
        yield title
        of = [row for row in groups if row["measure"] == measure]
        if by is None:
            metrics = [row for row in quality if row["measure"] == measure]
            yield from _forecast_lines([row for row in of if row["dimension"] == "all"], metrics, digits, shown)
        else:
            yield from _group_lines([row for row in of if row["dimension"] == by], digits)


def _forecast(row: dict[str, Any]) -> tuple[str, str, int]:
    return f"{row['as_of_date']}", row["kind"], row["window_days"]


def _forecast_lines(
    totals: list[dict[str, Any]], metrics: list[dict[str, Any]], digits: int, shown: tuple[str, ...]
) -> Iterator[str]:
    """A line a forecast, what each says without one, and how often it beat the one without a model."""
    by_name = {(*_forecast(row), row["metric"]): row for row in metrics}
    lines: list[Sequence[str]] = [("forecast of", "kind", "days", "customers", "forecast", "actual", *shown)]
    for row in totals:
        found = [by_name[(*_forecast(row), metric)] for metric in shown]
        cells = [_beside(metric["value"], metric["baseline_value"], 3) for metric in found]
        forecast = _beside(row["predicted"], row["baseline"], digits)
        as_of, kind, days = _forecast(row)
        actual = _decimals(row["actual"], digits)
        lines.append((as_of, kind, f"{days}", f"{row['customers']:,}", forecast, actual, *cells))
    if totals:
        yield _table(lines)
    for row in metrics:
        if row["metric"] == "customers" and not row["value"]:
            yield f"  {row['note']}"
    compared = [row["beats_baseline"] for row in metrics if row["metric"] == shown[0]]
    judged = [better for better in compared if better is not None]
    if judged:
        yield f"  By {shown[0]} better than without a model: {sum(judged)} of {len(judged)} forecasts."


def _group_lines(rows: list[dict[str, Any]], digits: int) -> Iterator[str]:
    """A line a group of the latest forecast, the published one where there are both."""
    if not rows:
        yield "  no forecast to show"
        return
    latest = max(rows, key=lambda row: (f"{row['as_of_date']}", row["kind"] == "published"))
    as_of, kind, days = _forecast(latest)
    yield f"  forecast of {as_of} ({kind}) for {days} days"
    lines: list[Sequence[str]] = [(latest["dimension"], "customers", "forecast", "actual")]
    for row in rows:
        if _forecast(row) == _forecast(latest):
            forecast, actual = _beside(row["predicted"], row["baseline"], digits), _decimals(row["actual"], digits)
            lines.append((row["dimension_value"], f"{row['customers']:,}", forecast, actual))
    yield _table(lines)


def _decimals(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _beside(value: float | None, baseline: float | None, digits: int) -> str:
    """A value with that of the baseline in brackets."""
    return f"{_decimals(value, digits)} ({_decimals(baseline, digits)})"

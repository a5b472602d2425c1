"""Batch expectations: what a night delivered, held as a whole against what its sources' contracts expect.

A batch is measured into a profile: a few counts and shares by source, no row of it. Figures come of tonight's profile
and of the last weeks' ones, and great-expectations judges them by the contracts (pipelines.data_docs). An expectation
that can't be judged tonight (too few rows, no earlier nights) is left out.
"""

import calendar
import csv
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

import pyarrow as pa

from pipelines.contracts import Contract, Expectation, sources
from pipelines.engine import DuckDBEngine, identifier, literal
from pipelines.errors import BadDataError
from pipelines.ingest import staged_columns
from pipelines.lake import Night, TableState
from pipelines.settings import Settings

CONTROL_TOTALS = "control_totals.csv"
# What an expectation can be of; one of another name is a fault of the contract, which great-expectations reports.
FIGURES = frozenset(
    {
        "category_drift",
        "control_amount_difference",
        "control_rows_difference",
        "days_behind",
        "duplicate_share",
        "lines_off_share",
        "null_drift",
        "rejected_share",
        "repeated_share",
        "volume_of_highest",
        "volume_of_lowest",
    }
)
_KEPT = timedelta(weeks=8)  # of earlier nights' profiles
_SAME_WEEKDAY_NIGHTS = 4  # enough to say what is usual on a weekday
_NIGHTS = 8  # enough to say what is usual on any day
_COMPARED = 1_000_000  # receipts: more say no more about the share whose lines do not add up
_NAMED = 3  # columns or values that a drift names

PROFILE = pa.schema(
    [("profile_date", pa.date32()), ("source", pa.string()), ("metric", pa.string()), ("value", pa.float64())]
)
OUTCOME = pa.schema(
    [
        ("source", pa.string()),
        ("expectation", pa.string()),
        ("severity", pa.string()),
        ("is_met", pa.bool_()),
        ("observed", pa.string()),
        ("expected", pa.string()),
        ("advice", pa.string()),
    ]
)

Profile = dict[str, float]


@dataclass(frozen=True)
class Figure:
    """A figure of tonight's batch: its value, the rows that it rests on, and what was seen in words."""

    value: float
    rows: int
    words: str


@dataclass(frozen=True)
class ControlTotal:
    """What a source says that it delivered."""

    rows: int
    amount: Decimal | None


def batch_expectation(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, pa.Table]:
    """Grain: source and expectation that could be judged tonight; and the profiles of the last weeks' batches.

    Raises:
        BadDataError: expectations of severity fail are not met; or the control totals can't be read.
        LoyaltyError: an expectation can't be judged by great-expectations as the contract puts it.
    """
    totals = read_control_totals(settings.landing_dir / f"{night.run_date}")
    history = _history(engine, night.run_date)
    profiles: dict[str, Profile] = {}
    figures: dict[str, dict[str, Figure]] = {}
    for name, contract in sources().items():
        state = night.table(name)
        figures[name] = _control(contract, state, totals.get(name), night, engine)
        if state.info["is_present"]:
            earlier = history.get(name, {})
            profiles[name] = _profile(contract, night, engine, is_first=not earlier)
            figures[name] |= _figures(profiles[name], earlier, night.run_date)
            figures[name] |= _repeated(contract, state, night)
    outcome = _outcome(figures, night, settings)
    kept = [(day, name, profile) for name, days in history.items() for day, profile in days.items()]
    kept += [(night.run_date, name, profile) for name, profile in profiles.items()]
    rows = [
        {"profile_date": day, "source": name, "metric": metric, "value": value}
        for day, name, profile in kept
        for metric, value in profile.items()
    ]
    return {
        "batch_expectation": pa.Table.from_pylist(outcome, OUTCOME),
        "batch_profile": pa.Table.from_pylist(rows, PROFILE),
    }


def _outcome(figures: Mapping[str, dict[str, Figure]], night: Night, settings: Settings) -> list[dict[str, object]]:
    """Have the figures judged, write the Data Docs, and stop the night if they say so."""
    judged = {name: of for name, known in figures.items() if (of := tuple(_judged(sources()[name], known)))}
    folder = settings.home / "quality" / f"{night.run_date}"
    shutil.rmtree(folder, ignore_errors=True)
    met: dict[str, dict[str, bool]] = {}
    if judged:
        from pipelines.data_docs import judge  # great-expectations takes a second or two to import

        met = judge(judged, figures, night.run_date, folder, mode=settings.file_mode, folder_mode=settings.folder_mode)
    outcome: list[dict[str, object]] = [
        {
            "source": name,
            "expectation": expectation.name,
            "severity": expectation.severity,
            "is_met": met[name][expectation.name],
            "observed": figures[name][expectation.figure].words,
            "expected": expected(expectation),
            "advice": expectation.advice,
        }
        for name, expectations in judged.items()
        for expectation in expectations
    ]
    failed = [row for row in outcome if row["severity"] == "fail" and not row["is_met"]]
    if failed:
        raise BadDataError(
            "\n".join(map(in_words, failed)) + f"\nNothing was published. All that was judged: {folder}/index.html"
        )
    return outcome


def in_words(row: Mapping[str, object]) -> str:
    """An expectation that was not met, in a line."""
    return "{source}: expectation {expectation} is not met: {observed}. Expected: {expected} {advice}".format(**row)


def expected(expectation: Expectation) -> str:
    """What an expectation asks for, in words and in the contract's figures."""
    bounds = ", ".join(f"{name} {value}" for name, value in expectation.arguments if name != "column")
    return f"{expectation.description.removesuffix('.')} ({expectation.figure}: {bounds})."


def _judged(contract: Contract, figures: Mapping[str, Figure]) -> Iterable[Expectation]:
    """The source's expectations that can be judged tonight."""
    for expectation in contract.expectations:
        figure = figures.get(expectation.figure)
        is_unheard_of = bool(figures) and expectation.figure not in FIGURES
        if is_unheard_of or (figure is not None and figure.rows >= expectation.minimum_rows):
            yield expectation


def _history(engine: DuckDBEngine, run_date: date) -> dict[str, dict[date, Profile]]:
    """Profiles of the batches of the last weeks before tonight: by source, by night, oldest first."""
    found: dict[str, dict[date, Profile]] = {}
    for source, day, metric, value in engine.rows(
        "SELECT source, profile_date, metric, value FROM history.batch_profile "
        f"WHERE profile_date >= DATE '{run_date - _KEPT}' ORDER BY ALL"
    ):
        found.setdefault(source, {}).setdefault(day, {})[metric] = value
    return found


def _profile(contract: Contract, night: Night, engine: DuckDBEngine, *, is_first: bool) -> Profile:
    """Counts and shares of tonight's batch of a source by name; none of them tells of a person.

    Of the first batch, which nothing is compared with, no more than what is judged at once.
    """
    state = night.table(contract.name)
    profile = {name: float(count) for name, count in state.info["counts"].items()}
    rows = _tonight(contract.name, night, engine)
    if rows is None:
        return profile
    measures = {} if is_first else _measures(contract, night.run_date)
    if contract.name == "receipt_lines" and (receipts := _tonight("receipts", night, engine)):
        one_in = max(night.table("receipts").info["counts"]["rows_loaded"] // _COMPARED, 1)
        profile |= _lines_that_add_up(rows, receipts, engine, one_in)
    if measures:
        values = engine.rows(f"SELECT {', '.join(measures.values())} FROM {rows}")[0]
        profile |= {name: float(value) for name, value in zip(measures, values, strict=True) if value is not None}
    return profile


def _tonight(source: str, night: Night, engine: DuckDBEngine) -> str | None:
    """What to write after FROM to read the rows that tonight brought; None if there are none."""
    parts = [part for part in night.table(source).written_by(night.run_date) if part.rows]
    return engine.scan_parts(parts) if parts else None


def _measures(contract: Contract, run_date: date) -> dict[str, str]:
    """SQL of each measure: days since the newest and the oldest event, shares of NULL and of known values."""
    given = {column.name for column in contract.columns}
    events = [c.name for c in staged_columns(contract) if c.name not in given and c.name != "landing_date"]
    found = {}
    if events and contract.load == "delta":  # the rows of a full load may be of any age
        past = [f"CASE WHEN {identifier(name)} <= DATE '{run_date}' THEN {identifier(name)} END" for name in events]
        found["days_behind"] = f"DATE '{run_date}' - MAX(GREATEST({', '.join(past)}))"
        found["days_back"] = f"DATE '{run_date}' - MIN(LEAST({', '.join(past)}))"
    for column in contract.columns:
        if column.personal:
            continue
        name = identifier(column.name)
        if not column.required:
            found[f"null_share:{column.name}"] = f"1 - CAST(COUNT({name}) AS DOUBLE) / COUNT(*)"
        for value in column.values:
            is_value = f"COUNT(CASE WHEN {name} = {literal(value)} THEN 1 END)"
            found[f"value_share:{column.name}={value}"] = f"CAST({is_value} AS DOUBLE) / COUNT(*)"
    return found


def _lines_that_add_up(lines: str, receipts: str, engine: DuckDBEngine, one_in: int) -> Profile:
    """Receipts that came with lines tonight, and those of them whose lines can't be made to add up to the total.

    Of very many only one in so many is looked at. Tills differ in what stands on the receipt alone: a discount or
    points taken off the lines' sum, tax put on top.
    """
    off_the_sum = ("", " - discount", " - points", " - discount - points")
    nearest = ", ".join(f"ABS(total - (lines{off}{tax}))" for off in off_the_sum for tax in ("", " + tax"))
    compared, off = engine.rows(
        f"""
        WITH receipt_sum AS (
            SELECT receipt_id, ABS(SUM(amount)) AS lines FROM {lines}
            WHERE HASH(receipt_id) % {one_in} = 0 GROUP BY receipt_id
        ),
        compared AS (
            SELECT
                receipt_sum.lines,
                ABS(receipt.total_amount) AS total,
                ABS(COALESCE(receipt.discount_amount, 0)) AS discount,
                ABS(COALESCE(receipt.points_amount, 0)) AS points,
                ABS(COALESCE(receipt.tax_amount, 0)) AS tax
            FROM receipt_sum
            INNER JOIN {receipts} AS receipt ON receipt_sum.receipt_id = receipt.receipt_id
        )
        SELECT COUNT(*), COUNT(CASE WHEN LEAST({nearest}) > 0.01 THEN 1 END) FROM compared
        """
    )[0]
    return {"receipts_compared": float(compared), "receipts_off": float(off)} if compared else {}


def _figures(profile: Profile, history: Mapping[date, Profile], run_date: date) -> dict[str, Figure]:
    """The figures of a batch that was delivered."""
    read, loaded = int(profile["rows_read"]), int(profile["rows_loaded"])
    # The oldest night known may be a first load, of years at once: nothing is compared with it.
    recent = dict(sorted(history.items())[1:])
    figures = _volume(read, {day: int(of["rows_read"]) for day, of in recent.items()}, run_date)
    if read:
        for name, word in (("rejected", "rejected"), ("duplicate", "duplicates")):
            count = int(profile[f"rows_{name}"])
            figures[f"{name}_share"] = Figure(count / read, read, f"{count:,} of {read:,} rows are {word}")
    if history and "days_behind" in profile:
        newest = run_date - timedelta(int(profile["days_behind"]))
        figures["days_behind"] = Figure(profile["days_behind"], loaded, f"the newest event is of {newest}")
    if "receipts_compared" in profile:
        off, compared = int(profile["receipts_off"]), int(profile["receipts_compared"])
        words = f"the lines of {off:,} of {compared:,} receipts do not add up to the total"
        figures["lines_off_share"] = Figure(off / compared, compared, words)
    for name, prefix in (("null_drift", "null_share:"), ("category_drift", "value_share:")):
        drift = _drift(prefix, profile, recent.values())
        if drift:
            figures[name] = drift
    return figures


def _volume(read: int, recent: Mapping[date, int], run_date: date) -> dict[str, Figure]:
    """Tonight's rows as multiples of the fewest and of the most that recent nights brought, if there are enough."""
    same_weekday = [rows for day, rows in recent.items() if day.weekday() == run_date.weekday()]
    if len(same_weekday) >= _SAME_WEEKDAY_NIGHTS:
        usual, of = same_weekday, f"{calendar.day_name[run_date.weekday()]}s"
    elif len(recent) >= _NIGHTS:
        usual, of = list(recent.values()), "nights"
    else:
        return {}
    lowest, highest = min(usual), max(usual)
    words = f"{read:,} rows; {lowest:,} to {highest:,} on the last {len(usual)} {of}"
    found = {}
    if lowest:
        found["volume_of_lowest"] = Figure(read / lowest, max(read, highest), words)
    if highest:
        found["volume_of_highest"] = Figure(read / highest, max(read, highest), words)
    return found


def _drift(prefix: str, profile: Profile, recent: Iterable[Profile]) -> Figure | None:
    """How far the share that moved most is from the recent nights' one, of all their rows together."""
    filled = [night for night in recent if night["rows_loaded"]]
    changes = []
    for metric, now in profile.items():
        nights = [night for night in filled if metric in night]
        rows = sum(night["rows_loaded"] for night in nights)
        if metric.startswith(prefix) and rows:
            then = sum(night[metric] * night["rows_loaded"] for night in nights) / rows
            changes.append((abs(now - then), metric.removeprefix(prefix), now, then, rows))
    if not changes:
        return None
    changes.sort(reverse=True)
    what = "NULL in" if prefix == "null_share:" else "of rows with"
    words = "; ".join(f"{now:.1%} {what} {name}, {then:.1%} before" for _, name, now, then, _ in changes[:_NAMED])
    return Figure(changes[0][0], int(min(profile["rows_loaded"], changes[0][4])), words)


def _repeated(contract: Contract, state: TableState, night: Night) -> dict[str, Figure]:
    """The share of a delta's rows that stand in files which the last night brought, byte by byte."""
    if contract.load != "delta" or night.previous is None:
        return {}
    before = night.previous.tables.get(contract.name, TableState())
    known = {file["sha256"] for file in before.info.get("files", [])}
    files = state.info["files"]
    rows = sum(file["records"] for file in files)
    again = sum(file["records"] for file in files if file["sha256"] in known)
    if not rows:
        return {}
    words = f"{again:,} of {rows:,} rows are in files that came on {night.previous.run_date} too"
    return {"repeated_share": Figure(again / rows, rows, words)}


def _control(
    contract: Contract, state: TableState, total: ControlTotal | None, night: Night, engine: DuckDBEngine
) -> dict[str, Figure]:
    """What was read, less what the source says that it delivered."""
    if total is None:
        return {}
    counts = state.info["counts"]
    read = counts["rows_read"]
    words = f"{read:,} rows were read, {CONTROL_TOTALS} says {total.rows:,}"
    found = {"control_rows_difference": Figure(abs(read - total.rows), read, words)}
    if total.amount is not None and counts["rows_loaded"] == read:
        rows, column = _tonight(contract.name, night, engine), identifier(contract.control_amount or "")
        amount = (engine.rows(f"SELECT SUM({column}) FROM {rows}")[0][0] if rows else None) or Decimal(0)
        words = f"{contract.control_amount} is {amount:,} in all, {CONTROL_TOTALS} says {total.amount:,}"
        found["control_amount_difference"] = Figure(float(abs(amount - total.amount)), read, words)
    return found


def read_control_totals(folder: Path) -> dict[str, ControlTotal]:
    """What the file of control totals in a landing folder says, by source; nothing if it did not come.

    Raises:
        BadDataError: it can't be read; the message names the row.
    """
    path = folder / CONTROL_TOTALS
    if not path.exists():
        return {}
    found: dict[str, ControlTotal] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, row in enumerate(csv.DictReader(file), start=1):
                source, given = (row["source"] or "").strip(), (row.get("amount") or "").strip()
                contract = sources().get(source)
                if contract is None:
                    raise ValueError(f"row {number}: no source is named {source!r}")
                if given and contract.control_amount is None:
                    raise ValueError(f"row {number}: {source} has no amount to compare; leave it empty")
                if source in found:
                    raise ValueError(f"row {number}: {source} is there twice")
                found[source] = ControlTotal(int(row["rows"]), Decimal(given) if given else None)
    except (ValueError, TypeError, KeyError, InvalidOperation, csv.Error) as error:
        raise BadDataError(
            f"{path}: can't be read: {error!r}. It has the columns source, rows and, for receipts and receipt_lines, "
            "amount, separated by commas. Deliver it again, or without it."
        ) from error
    return found

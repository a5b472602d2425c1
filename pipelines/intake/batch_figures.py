"""The figures of a batch that expectations judge, worked out from its profile and earlier profiles."""

import calendar
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from pipelines.contracts import Contract, Expectation
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier
from pipelines.intake.batch_profile import LONG_AGO, Profile, tonight_rows
from pipelines.intake.control_totals import CONTROL_TOTALS, ControlTotal
from pipelines.intake.landing import UnreadFile
from pipelines.intake.staging_contracts import staging_contracts
from pipelines.store.lake import Night
from pipelines.store.manifest import TableState

# The figures that an expectation may name; great-expectations reports a contract that names another.
FIGURES = frozenset(
    {
        "category_drift",
        "control_amount_difference",
        "control_rows_difference",
        "days_behind",
        "after_night_share",
        "duplicate_share",
        "early_volume_of_lowest",
        "keys_kept_share",
        "lines_off_share",
        "lines_without_receipt_share",
        "long_ago_share",
        "lost_amount_share",
        "null_drift",
        "other_day_share",
        "receipts_without_lines_share",
        "rejected_share",
        "repeated_share",
        "unread_share",
        "rows_of_last_full",
        "typical_amount_change",
        "volume_of_highest",
        "volume_of_lowest",
    }
)
_SAME_WEEKDAY_NIGHTS = 4  # enough to know the usual volume of a weekday
_NIGHTS = 8  # enough to know the usual volume of any day
SMALL = 100  # rows
_NAMED = 3  # columns, values or files that a sentence names


@dataclass(frozen=True)
class Figure:
    """A figure of tonight's batch: its value, the rows that it rests on, and what was observed in words."""

    value: float
    rows: int
    words: str


def expected(expectation: Expectation) -> str:
    """What an expectation demands, in words and in the contract's numbers."""
    bounds = ", ".join(f"{name} {value}" for name, value in expectation.arguments if name != "column")
    return f"{expectation.description.removesuffix('.')} ({expectation.figure}: {bounds})."


def figures_of(
    profile: Profile, history: Mapping[date, Profile], run_date: date, rejected_by: str = "", files: str = ""
) -> dict[str, Figure]:
    """The figures of a batch that was delivered.

    Args:
        profile: the batch's.
        history: those of earlier nights, by night.
        run_date: the night.
        rejected_by: words on the rules that its rejected rows break.
        files: the names of its files, in words.
    """
    read, loaded = int(profile["rows_read"]), int(profile["rows_loaded"])
    # The oldest night may be a first load of years at once: nothing is compared with it.
    first, recent = next(iter(sorted(history.items())), None), dict(sorted(history.items())[1:])
    figures = _events(profile, run_date, files) | _early_volume(read, first, list(recent.values()))
    figures |= _typical_amount(profile, history)
    figures |= _volume(read, {day: int(earlier["rows_read"]) for day, earlier in recent.items()}, run_date)
    if read:
        for name, word in (("rejected", f"rejected{rejected_by}"), ("duplicate", "duplicates")):
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


def _events(profile: Profile, run_date: date, files: str) -> dict[str, Figure]:
    """The shares of rows whose event is dated after the night, and long before any customer's memory.

    Where no row is, a small batch has no such figure: nothing has to be judged then, which takes seconds.
    """
    loaded, after = int(profile["rows_loaded"]), int(profile.get("rows_after", 0))
    long_ago = int(profile.get("rows_long_ago", 0))
    found = {}
    if after or ("rows_after" in profile and loaded >= SMALL):
        words = f"{after:,} of {loaded:,} rows are dated after the night"
        if after:
            last = run_date + timedelta(int(profile["days_after"]))
            words += f", up to {last}{f' (in {files})' if files else ''}; they count for nothing until that day"
        found["after_night_share"] = Figure(after / loaded, loaded, words)
    if long_ago or ("rows_long_ago" in profile and loaded >= SMALL):
        words = f"{long_ago:,} of {loaded:,} rows are dated before {LONG_AGO}"
        found["long_ago_share"] = Figure(long_ago / loaded, loaded, words)
    return found


def _early_volume(read: int, first: tuple[date, Profile] | None, recent: Sequence[Profile]) -> dict[str, Figure]:
    """Tonight's rows as a multiple of the fewest so far, while there are too few nights to know the usual volume.

    The first load counts by its rows per day with events, as it may hold years.
    """
    if first is None or len(recent) >= _NIGHTS:
        return {}
    known = [int(night["rows_read"]) for night in recent]
    if first[1].get("event_days"):
        known.append(round(first[1]["rows_loaded"] / first[1]["event_days"]))
    lowest = min(known, default=0)
    if not lowest:
        return {}
    words = f"{read:,} rows; the fewest of a day so far are {lowest:,}"
    return {"early_volume_of_lowest": Figure(read / lowest, max(read, lowest), words)}


def _volume(read: int, recent: Mapping[date, int], run_date: date) -> dict[str, Figure]:
    """Tonight's rows as multiples of the fewest and of the most of recent nights, if there are enough nights."""
    same_weekday = [rows for day, rows in recent.items() if day.weekday() == run_date.weekday()]
    if len(same_weekday) >= _SAME_WEEKDAY_NIGHTS:
        compared, name = same_weekday, f"{calendar.day_name[run_date.weekday()]}s"
    elif len(recent) >= _NIGHTS:
        compared, name = list(recent.values()), "nights"
    else:
        return {}
    lowest, highest = min(compared), max(compared)
    words = f"{read:,} rows; {lowest:,} to {highest:,} on the last {len(compared)} {name}"
    found = {}
    if lowest:
        found["volume_of_lowest"] = Figure(read / lowest, max(read, highest), words)
    if highest:
        found["volume_of_highest"] = Figure(read / highest, max(read, highest), words)
    return found


def _typical_amount(profile: Profile, history: Mapping[date, Profile]) -> dict[str, Figure]:
    """How many times larger or smaller the typical amount is than that of the last night that had one.

    Amounts of years at once are as large as those of a day, so a first load counts, too.
    """
    nights = [day for day, night in history.items() if night.get("typical_amount")]
    amount = profile.get("typical_amount")
    if not nights or not amount:
        return {}
    before = history[max(nights)]
    change = max(amount / before["typical_amount"], before["typical_amount"] / amount)
    words = (
        f"the typical amount (geometric mean) is {amount:,.2f}; it was {before['typical_amount']:,.2f} on {max(nights)}"
    )
    rows = int(min(profile["amount_rows"], before["amount_rows"]))
    return {"typical_amount_change": Figure(change, rows, words)}


def _drift(prefix: str, profile: Profile, recent: Iterable[Profile]) -> Figure | None:
    """The largest change of a share against that of the recent nights' rows together."""
    filled = [night for night in recent if night["rows_loaded"]]
    changes = []
    for metric, share in profile.items():
        nights = [night for night in filled if metric in night]
        rows = sum(night["rows_loaded"] for night in nights)
        if metric.startswith(prefix) and rows:
            before = sum(night[metric] * night["rows_loaded"] for night in nights) / rows
            changes.append((abs(share - before), metric.removeprefix(prefix), share, before, rows))
    if not changes:
        return None
    changes.sort(reverse=True)
    what = "NULL in" if prefix == "null_share:" else "of rows with"
    words = "; ".join(
        f"{share:.1%} {what} {name}, {before:.1%} before" for _, name, share, before, _ in changes[:_NAMED]
    )
    return Figure(changes[0][0], int(min(profile["rows_loaded"], changes[0][4])), words)


def repeated_batch(contract: Contract, state: TableState, night: Night) -> dict[str, Figure]:
    """The share of a delta's rows that are in files which, byte by byte, came on the last night too."""
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


def file_names(state: TableState) -> str:
    """The files of tonight's extract of a source, in words."""
    return _some([file["file"] for file in state.info["files"]])


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")


def unread_figure(state: TableState, unread: Iterable[UnreadFile]) -> dict[str, Figure]:
    """The share of a source's bytes in files of rows that are not read; nothing if there is no such file."""
    files = [file for file in unread if file.holds_rows]
    left = sum(file.size for file in files)
    if not left:
        return {}
    read = sum(file["size"] for file in state.info["files"])
    words = f"{left:,} of {left + read:,} bytes are in files that are not read: {_some([f.name for f in files])}"
    return {"unread_share": Figure(left / (left + read), len(files), words)}


def full_load_figures(contract: Contract, state: TableState, night: Night, engine: DuckDBEngine) -> dict[str, Figure]:
    """How much of the last full extract tonight's has, by rows and by keys; nothing for one without rows, or a first.

    (A full extract without rows replaces nothing.)
    """
    earlier = night.previous.tables if night.previous else {}
    before = earlier.get(contract.name, TableState())
    counts = state.info["counts"]
    if contract.load != "full" or not counts["rows_read"] or not before.rows:
        return {}
    loaded = counts["rows_loaded"]
    words = f"{loaded:,} rows were loaded from {file_names(state)}, the last full extract had {before.rows:,}"
    found = {"rows_of_last_full": Figure(loaded / before.rows, max(loaded, before.rows), words)}
    with_key = next(table for table in staging_contracts(contract) if table.key == contract.key)
    if rows := tonight_rows(with_key.name, night, engine):
        same = " AND ".join(f"old.{identifier(k)} IS NOT DISTINCT FROM new.{identifier(k)}" for k in contract.key)
        old = engine.select_of(earlier[with_key.name], with_key)
        kept = engine.rows(f"SELECT COUNT(*) FROM ({old}) AS old SEMI JOIN {rows} AS new ON {same}")[0][0]
        words = f"{kept:,} of the {before.rows:,} keys of the last full extract are in this one"
        found["keys_kept_share"] = Figure(kept / before.rows, before.rows, words)
    return found


def control_figures(
    contract: Contract, state: TableState, total: ControlTotal | None, night: Night, engine: DuckDBEngine
) -> dict[str, Figure]:
    """How far what was read differs from the control totals; nothing if there are none for the source.

    The sender counted what erasures took out of the files before they were read, so that counts as read here.
    """
    if total is None:
        return {}
    counts = state.info["counts"]
    read, taken = counts["rows_read"], state.info.get("taken_out", {"rows": 0, "amount": "0"})
    gone = f" and {taken['rows']:,} erased before" if taken["rows"] else ""
    words = f"{read:,} rows were read{gone}, {CONTROL_TOTALS} says {total.rows:,}"
    found = {"control_rows_difference": Figure(abs(read + taken["rows"] - total.rows), read, words)}
    if total.amount is not None and counts["rows_loaded"] == read and taken["amount"] is not None:
        rows, column = tonight_rows(contract.name, night, engine), identifier(contract.control_amount or "")
        amount = (engine.rows(f"SELECT SUM({column}) FROM {rows}")[0][0] if rows else None) or Decimal(0)
        erased = Decimal(taken["amount"])
        gone = f" and {erased:,} was erased before" if taken["rows"] else ""
        words = f"{contract.control_amount} is {amount:,} in all{gone}, {CONTROL_TOTALS} says {total.amount:,}"
        found["control_amount_difference"] = Figure(float(abs(amount + erased - total.amount)), read, words)
    return found

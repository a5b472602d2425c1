"""The profile of a batch: counts and shares of tonight's extract, kept with those of the nights before."""

from collections.abc import Mapping
from datetime import date, timedelta

import pyarrow as pa

from pipelines.catalog import query
from pipelines.contracts import Contract
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.engines.sql import identifier, literal
from pipelines.intake.staging_contracts import business_dates, event_time, staged_columns
from pipelines.store.lake import Night

NAMED_RULES = 3  # that a message about rejected rows names
KEPT_NIGHTS = timedelta(weeks=8)  # how long profiles are kept
LONG_AGO = date(1990, 1, 1)  # what a till or a shop dates before is a date that nobody set: 1900, 1970
COMPARED_RECEIPTS = 1_000_000  # of more, a sample tells as well for how many the lines do not add up
PROFILE = pa.schema(
    [("profile_date", pa.date32()), ("source", pa.string()), ("metric", pa.string()), ("value", pa.float64())]
)


Profile = dict[str, float]


def rejected_words(contract: Contract, night: Night, engine: DuckDBEngine) -> str:
    """The rules that tonight's rejected rows of a source break, the most frequent first: how often, and an example."""
    files = [file for file in night.table(f"rejected_{contract.name}").data_files if file.rows]
    if not files:
        return ""
    rules = engine.rows(
        "SELECT rule, COUNT(*), ARG_MIN(file, (file, row_number)), ARG_MIN(row_number, (file, row_number)) "
        f"FROM {engine.scan_files(files)} GROUP BY rule ORDER BY COUNT(*) DESC, rule"
    )
    named = []
    for rule, count, file, row in rules[:NAMED_RULES]:
        columns = [column.name for column in contract.columns if rule.startswith(column.name)]
        where = f"column {max(columns, key=len)}, " if columns else ""
        named.append(f"{count:,} by {rule} ({where}for example {file}, row {row})")
    more = f", and by {len(rules) - NAMED_RULES} more rules" if len(rules) > NAMED_RULES else ""
    return ": " + ", ".join(named) + more


def profile_history(engine: DuckDBEngine, run_date: date) -> dict[str, dict[date, Profile]]:
    """Profiles of the batches of the last weeks before tonight: by source, by night, oldest first."""
    found: dict[str, dict[date, Profile]] = {}
    for source, day, metric, value in engine.rows(
        "SELECT source, profile_date, metric, value FROM history.batch_profile "
        f"WHERE profile_date >= DATE '{run_date - KEPT_NIGHTS}' ORDER BY ALL"
    ):
        found.setdefault(source, {}).setdefault(day, {})[metric] = value
    return found


def profile_table(
    history: Mapping[str, Mapping[date, Profile]], tonight: Mapping[str, Profile], run_date: date
) -> pa.Table:
    """Grain: night, source and metric. The profiles that are kept, and tonight's."""
    kept = [(day, name, profile) for name, days in history.items() for day, profile in days.items()]
    kept += [(run_date, name, profile) for name, profile in tonight.items()]
    rows = [
        {"profile_date": day, "source": name, "metric": metric, "value": value}
        for day, name, profile in kept
        for metric, value in profile.items()
    ]
    return pa.Table.from_pylist(rows, PROFILE)


def batch_profile(contract: Contract, night: Night, engine: DuckDBEngine, *, is_first: bool) -> Profile:
    """Counts and shares of tonight's batch of a source, by metric; none of them is of a single person.

    The first batch is compared with no other, so only what is judged at once is measured of it, or what the next
    nights are compared with.
    """
    state = night.table(contract.name)
    profile = {name: float(count) for name, count in state.info["counts"].items()}
    rows = tonight_rows(contract.name, night, engine)
    if rows is None:
        return profile
    measures = _event_measures(contract, night.run_date) | _amount_measures(contract)
    if not is_first:
        measures |= _measures(contract, night.run_date)
    if contract.name == "receipt_lines" and (receipts := tonight_rows("receipts", night, engine)):
        one_in = max(night.table("receipts").info["counts"]["rows_loaded"] // COMPARED_RECEIPTS, 1)
        profile |= _receipt_differences(rows, receipts, engine, one_in)
    if measures:
        values = engine.rows(f"SELECT {', '.join(measures.values())} FROM {rows}")[0]
        profile |= {name: float(value) for name, value in zip(measures, values, strict=True) if value is not None}
    return profile


def tonight_rows(source: str, night: Night, engine: DuckDBEngine) -> str | None:
    """What to write after FROM to read the rows that tonight brought; None if there are none."""
    filled = [file for file in night.table(source).written_by(night.run_date) if file.rows]
    return engine.scan_files(filled) if filled else None


def _event_measures(contract: Contract, run_date: date) -> dict[str, str]:
    """SQL of counts by the event's date, which is that of the first time that the contract requires.

    Rows dated after the night, the days to the latest of them, rows dated long ago, and the days that have rows.
    """
    event = event_time(contract)
    if event is None:
        return {}
    dates = {time: name for name, time in business_dates(contract).items()}
    name, night = identifier(dates[event]), f"DATE '{run_date}'"
    return {
        "rows_after": f"COUNT(CASE WHEN {name} > {night} THEN 1 END)",
        "days_after": f"GREATEST(MAX({name}) - {night}, 0)",
        "rows_long_ago": f"COUNT(CASE WHEN {name} < DATE '{LONG_AGO}' THEN 1 END)",
        "event_days": f"COUNT(DISTINCT {name})",
    }


def _amount_measures(contract: Contract) -> dict[str, str]:
    """SQL of the typical amount, a geometric mean, which a single giant hardly moves, and of its rows."""
    if contract.control_amount is None:
        return {}
    amount = f"NULLIF(ABS({identifier(contract.control_amount)}), 0)"
    return {"typical_amount": f"ROUND(EXP(AVG(LN({amount}))), 2)", "amount_rows": f"COUNT({amount})"}


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


def _receipt_differences(lines: str, receipts: str, engine: DuckDBEngine, one_in: int) -> Profile:
    """Receipts that came with lines tonight, and those of them whose lines can't be made to add up to the total.

    Of very many receipts only one in so many is compared.
    """
    sample = f"HASH(receipt_id) % {one_in} = 0"
    engine.register("sampled_line", f"SELECT receipt_id, amount FROM {lines} WHERE {sample}")
    engine.register("tonights_receipt", f"SELECT * FROM {receipts}")
    ((compared, off),) = engine.rows(
        f"SELECT COUNT(*), COUNT(CASE WHEN difference > 0.01 THEN 1 END) FROM ({query('intake/receipt_difference')})"
    )
    return {"receipts_compared": float(compared), "receipts_off": float(off)} if compared else {}

"""What a data engineer should look at after a night that is through, in words."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from pipelines.catalog import tables
from pipelines.contracts import sources
from pipelines.intake.batch_validation import in_words
from pipelines.intake.control_totals import CONTROL_TOTALS
from pipelines.intake.deliveries import is_there, names_read, patterns_read
from pipelines.intake.landing import unread_files
from pipelines.intake.nearest import nearest_column
from pipelines.settings import Settings
from pipelines.store.home import landing_folder, night_folders
from pipelines.store.lake import Lake
from pipelines.store.manifest import Manifest, TableState
from pipelines.store.rows import small_rows

# Metrics of each model that are reported when their note says alarm. The drift of single inputs stays in model_quality.
_ALARMS = {
    "churn": ("skill_p_value", "new_model_refused", "model_age_days", "psi_score"),
    "growth": ("skill_p_value", "new_model_refused", "model_age_days", "psi_score"),
    "tier": ("file_faults",),
    "next_order": (
        *("skill_p_value", "new_model_refused", "model_age_days"),
        *("psi_p_order_again", "psi_next_order_days"),
    ),
    "clv": (
        *("new_model_refused", "model_age_days", "spend_new_model_refused", "spend_model_age_days"),
        *("history_days", "young_ratio", "psi_p_alive", "psi_expected_purchases", "psi_expected_purchase_day_value"),
    ),
}

_NAMED = 10  # files that one sentence names


def night_warnings(settings: Settings, manifest: Manifest) -> list[str]:
    """A sentence a warning: about extracts, expectations, models, campaigns, targets, nights to repeat, …."""
    lake = Lake(settings.home)
    return [
        *unread_warnings(settings, manifest.run_date),
        *_no_landing_folders(settings),
        *_unread_sheets(manifest),
        *_late_sources(settings, manifest),
        *(warning for name in sources() for warning in _of_source(name, manifest)),
        *_expectation_warnings(lake, manifest),
        *model_warnings(lake, manifest),
        *hold_warnings(lake, manifest),
        *(f"targets: {row['message']}" for row in _rows("target_warning", lake, manifest)),
        *_nights_to_repeat(lake, manifest.run_date, settings),
    ]


def landing_warnings(settings: Settings, last: date | None) -> Iterator[str]:
    """What is not read in the landing folder of the last night and in later ones (None: in any), and beside them."""
    for path in night_folders(settings.landing_dir):
        if _is_of_a_night(path) and (last is None or path.name >= f"{last}"):
            yield from unread_warnings(settings, date.fromisoformat(path.name))
    yield from _no_landing_folders(settings)


def unread_warnings(settings: Settings, night: date) -> Iterator[str]:
    """What a night's landing folder holds that is not read: one sentence for all that wants the same done."""
    folder = landing_folder(settings, night)
    known = {CONTROL_TOTALS, settings.complete_marker or CONTROL_TOTALS, *names_read(folder, settings)}
    by_advice: dict[str, list[str]] = {}
    for file in unread_files(folder, sources(), known, patterns_read(settings)):
        by_advice.setdefault(file.advice, []).append(file.name)
    for advice, names in by_advice.items():
        yield f"not read: {_some(names)} (in {folder}): {advice}"


def _unread_sheets(manifest: Manifest) -> Iterator[str]:
    """Sheets of workbooks that have rows, where the mapping does not say which sheet is read."""
    names = [name for table in manifest.tables.values() for name in table.info.get("unread_sheets", ())]
    if names:
        yield f"not read: {_some(list(dict.fromkeys(names)))}: say in the mapping by sheet: which one is meant"


def _late_sources(settings: Settings, manifest: Manifest) -> Iterator[str]:
    """Sources that came while the night ran, after it had looked for them."""
    folder = landing_folder(settings, manifest.run_date)
    for name in sources():
        if not manifest.tables[name].info["is_present"] and is_there(name, folder, settings):
            yield f"{name}: came after the night had looked for it; run the night again to take it in"


def _no_landing_folders(settings: Settings) -> Iterator[str]:
    """What lies among the landing folders and is none."""
    folder = settings.landing_dir
    names = [path.name for path in sorted(folder.glob("*")) if not _is_of_a_night(path)]
    if names:
        yield f"not read: {_some(names)} (in {folder}): no night's folder, whose name is a date like 2017-11-30"


def _is_of_a_night(path: Path) -> bool:
    try:
        return path.is_dir() and date.fromisoformat(path.name).isoformat() == path.name
    except ValueError:
        return False


def _some(names: list[str]) -> str:
    """The first names of many, and how many more there are."""
    more = f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _of_source(name: str, manifest: Manifest) -> Iterator[str]:
    yield from _rejected_warnings(name, manifest)
    yield from source_warnings(name, manifest.tables[name])


def _rejected_warnings(name: str, manifest: Manifest) -> Iterator[str]:
    counts = manifest.tables[name].info["counts"]
    if counts["rows_rejected"]:
        yield (
            f"{name}: {counts['rows_rejected']:,} of {counts['rows_read']:,} rows rejected; "
            f"loyalty rejected --date {manifest.run_date} --source {name} shows them"
        )


def source_warnings(name: str, state: TableState) -> Iterator[str]:
    """What was left out of a source's extract or is not usable, rejected rows apart.

    Args:
        name: The source's.
        state: Its table of the night that read the extract.
    """
    info: dict[str, Any] = state.info
    counts = info["counts"]
    if info["unknown_columns"]:
        columns = ", ".join(_with_nearest(header, name, info) for header in info["unknown_columns"])
        yield f"{name}: columns that the contract doesn't know were left out: {columns}"
    for column, count in info["unknown_values"].items():
        known = ", ".join(next(c.values for c in sources()[name].columns if c.name == column))
        yield f"{name}: {count:,} values of {column} are none of {known}; they count as not given"
    for column, count in info.get("unusable_addresses", {}).items():
        yield (
            f"{name}: {count:,} values of {column} are no usable address, so nobody is known by them; have them mended "
            "(LOYALTY_PHONE_REGION says where phone numbers without a country code are from)"
        )
    if codes := info.get("repeated_codes"):
        key = sources()[name].key[0]
        yield (
            f"{name}: {counts['rows_duplicate']:,} rows have the {key} of another row (capitals and blanks make no "
            f"difference): {', '.join(codes)}; the last row stands"
        )
    is_empty = info["load"] == "full" and info["is_present"] and not counts["rows_read"]
    is_mapped = bool(info.get("feed_quality"))  # files that are of another source first: none of it is no oddity
    if is_empty and not is_mapped and state.rows:
        yield f"{name}: came without rows; the last full extract that had some stays the state"


def _with_nearest(header: str, source: str, info: Mapping[str, Any]) -> str:
    """An unknown column, with the one that may be meant if the extract does not have that anyway."""
    absent = [column.name for column in sources()[source].columns if column.name not in info.get("columns", ())]
    near = nearest_column(header, absent, source)
    return f"{header} (may be meant as {near})" if near else header


def _rows(table: str, lake: Lake, manifest: Manifest) -> list[dict[str, Any]]:
    """A table's rows as of the night; none if the night has no such table."""
    return small_rows(lake, manifest.table(table))


def _expectation_warnings(lake: Lake, manifest: Manifest) -> list[str]:
    """Batch expectations that the night did not meet, as fail only those that were accepted; needless acceptances."""
    rows = _rows("batch_expectation", lake, manifest)
    unmet = sorted((row for row in rows if not row["is_met"]), key=lambda row: (row["source"], row["expectation"]))
    stops = {f"{row['source']}.{row['expectation']}" for row in unmet if row["severity"] == "fail"}
    needless = [rule for rule in manifest.accepted if rule not in stops]
    return [
        *map(in_words, unmet),
        *(f"--accept {rule} was not needed: it would not have stopped the night" for rule in needless),
    ]


def model_warnings(lake: Lake, manifest: Manifest) -> list[str]:
    """Forecasts without skill, refused challengers, champions that have grown old, and scores that drifted far."""
    rows = [row for name in tables()["model_fit"].inputs for row in _rows(name, lake, manifest)]
    return [
        f"model {row['model']}, {row['metric']} {row['value']:g}: {row['note'].removeprefix('alarm; ')}"
        for row in sorted(rows, key=lambda row: (str(row["model"]), str(row["metric"])))
        if (row["metric"] in _ALARMS.get(row["model"], ()) or row["metric"].endswith("_calibration_p_value"))
        and row["note"].startswith("alarm; ")
    ]


def hold_warnings(lake: Lake, manifest: Manifest) -> list[str]:
    """Why campaigns were held back; and for those whose list waits, what sends it."""
    waiting = {
        row["campaign_id"]
        for row in _rows("campaign_delivery", lake, manifest)
        if row["list_date"] == manifest.run_date and row["held_reason"] is not None
    }
    return [
        f"campaigns held back: {row['reason']}{_release(row['campaign_id']) if row['campaign_id'] in waiting else ''}"
        for row in _rows("campaign_hold", lake, manifest)
    ]


def _release(campaign_id: str) -> str:
    return f"; loyalty release --campaign {campaign_id} sends it"


def _nights_to_repeat(lake: Lake, night: date, settings: Settings) -> Iterator[str]:
    if stale := [f"{stale_night}" for stale_night in lake.stale_nights()]:
        yield f"nights that rest on an earlier version of the data, to be run again: {', '.join(stale)}"
    if never_loaded := never_loaded_folders(settings, lake, night):
        yield f"landing folders before this night that were never loaded: {', '.join(never_loaded)}"


def never_loaded_folders(settings: Settings, lake: Lake, until: date) -> list[str]:
    """Names of the landing folders before a night that no night has loaded, in order."""
    loaded = {f"{night}" for night in lake.nights()}
    folders = [path.name for path in night_folders(settings.landing_dir)]
    return [name for name in folders if name not in loaded and name < f"{until}"]

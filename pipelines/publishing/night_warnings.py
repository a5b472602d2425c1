"""What a data engineer should look at after a night that is through, in words."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pyarrow.parquet as pq

from pipelines.catalog import tables
from pipelines.contracts import sources
from pipelines.intake.batch_validation import in_words
from pipelines.intake.control_totals import CONTROL_TOTALS
from pipelines.intake.landing import unknown_files
from pipelines.settings import Settings
from pipelines.store.home import landing_folder, night_folders
from pipelines.store.lake import Lake
from pipelines.store.manifest import Manifest, TableState

# Metrics of each model that are reported when their note says alarm. The drift of single inputs stays in model_quality.
_ALARMS = {
    "churn": ("new_model_refused", "model_age_days", "psi_score"),
    "growth": ("new_model_refused", "model_age_days", "psi_score"),
    "next_order": ("new_model_refused", "model_age_days", "psi_p_order_again", "psi_next_order_days"),
    "clv": (
        *("new_model_refused", "model_age_days", "spend_new_model_refused", "spend_model_age_days"),
        *("psi_p_alive", "psi_expected_purchases", "psi_expected_purchase_day_value"),
    ),
}


def night_warnings(settings: Settings, manifest: Manifest) -> list[str]:
    """One sentence a warning: about extracts, then expectations, models, nights to run again, folders never loaded."""
    lake = Lake(settings.home)
    return [
        *_unknown_files(settings, manifest.run_date),
        *(warning for name in sources() for warning in _source_warnings(name, manifest)),
        *_expectation_warnings(lake, manifest),
        *model_warnings(lake, manifest),
        *_nights_to_repeat(lake, manifest.run_date, settings),
    ]


def _unknown_files(settings: Settings, night: date) -> Iterator[str]:
    folder = landing_folder(settings, night)
    unknown = unknown_files(folder, list(sources())) if folder.is_dir() else []
    if names := [name for name in unknown if name != CONTROL_TOTALS]:
        yield f"not read, no source has this name: {', '.join(names)} (in {folder})"


def _source_warnings(name: str, manifest: Manifest) -> Iterator[str]:
    info: dict[str, Any] = manifest.tables[name].info
    counts = info["counts"]
    if info["unknown_columns"]:
        yield f"{name}: columns that the contract doesn't know were left out: {', '.join(info['unknown_columns'])}"
    if counts["rows_rejected"]:
        yield (
            f"{name}: {counts['rows_rejected']:,} of {counts['rows_read']:,} rows rejected; "
            f"loyalty rejected --date {manifest.run_date} --source {name} shows them"
        )
    for column, count in info["unknown_values"].items():
        known = ", ".join(next(c.values for c in sources()[name].columns if c.name == column))
        yield f"{name}: {count:,} values of {column} are none of {known}; they count as not given"
    is_empty = info["load"] == "full" and info["is_present"] and not counts["rows_read"]
    if is_empty and manifest.tables[name].rows:
        yield f"{name}: came without rows; the last full extract that had some stays the state"


def _rows(table: str, lake: Lake, manifest: Manifest) -> list[dict[str, Any]]:
    """A table's rows as of the night; none if the night has no such table."""
    data_files = manifest.tables.get(table, TableState()).data_files
    return [row for file in data_files for row in pq.read_table(lake.path(file.path)).to_pylist()]


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
    """Challengers that were refused, champions that have grown old, and scores that drifted far."""
    rows = [row for name in tables()["model_fit"].inputs for row in _rows(name, lake, manifest)]
    return [
        f"model {row['model']}, {row['metric']} {row['value']:g}: {row['note'].removeprefix('alarm; ')}"
        for row in sorted(rows, key=lambda row: (str(row["model"]), str(row["metric"])))
        if row["metric"] in _ALARMS.get(row["model"], ()) and row["note"].startswith("alarm; ")
    ]


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

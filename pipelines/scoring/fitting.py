"""What the fits of all models share: when one is due, its cut-offs, the rows of models, of their quality and drift."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.evaluation.drift import Bins, drift_rows, fixed_bins
from models.types import QualityRow
from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.tables.parameters import register_feature_dates
from pipelines.tables.recipes import fit_recipe

Tables = dict[str, pa.Table]

# A row of a model's table: a component's parameters, what they were fitted on and with, the settings that define what
# they forecast, and bins for drift.
ARTEFACT = pa.schema(
    [
        ("component", pa.string()),
        ("parameters", pa.string()),
        ("trained_from", pa.date32()),
        ("trained_through", pa.date32()),
        ("libraries", pa.string()),
        ("data_fingerprint", pa.string()),
        ("target_definition", pa.string()),
        ("bins", pa.string()),
    ]
)

SEED = 7
BATCH_ROWS = 250_000

# Champion and challenger are compared on four weeks, so that each weekday counts alike, or on all days since the
# champion was fitted, if they are more.
COMPARED_DAYS = 28

# A fit learns and is judged at up to four cut-offs, a horizon apart; each should have half a year of history.
CUT_OFFS = 4
CUT_OFF_HISTORY_DAYS = 180

# A model is an alarm when it has not been replaced for so long.
OLD_MODEL_DAYS = 35

# Models learn from customers who are no service accounts.
SHOPPER = "customer_id NOT IN (SELECT customer_id FROM service_account)"


def quality_rows(model: str, rows: Iterable[QualityRow], trained_through: date) -> pa.Table:
    """Rows of a table of a fit or of drift; trained_through: the last day of the data behind them."""
    columns = [(model, metric, value, note, trained_through) for metric, value, note in rows]
    names = ("model", "metric", "value", "note", "trained_through")
    types = (pa.string(), pa.string(), pa.float64(), pa.string(), pa.date32())
    return pa.table({name: pa.array([row[i] for row in columns], types[i]) for i, name in enumerate(names)})


def kept_fit(
    table: str, fitted_on: date | None, engine: DuckDBEngine, night: Night, settings: Settings
) -> Tables | None:
    """What the last fit made, where it serves tonight too; else None. Arguments as in is_fitted."""
    if not is_fitted(table, night, settings, fitted_on):
        return None
    return {name: engine.arrow(f"SELECT * FROM history.{name}") for name in tables()[table].history}


def is_fitted(table: str, night: Night, settings: Settings, fitted_on: date | None) -> bool:
    """Whether the last fit serves tonight too: it is young enough, and of the same code, SQL, libraries and settings.

    Args:
        table: the table of the fit.
        night: tonight.
        settings: tonight's.
        fitted_on: the day of the last fit; None if there was none.
    """
    last = night.previous.tables.get(table) if night.previous else None
    if last is None or fitted_on is None or night.run_date - fitted_on >= timedelta(settings.fit_days):
        return False
    return last.recipe == fit_recipe(tables()[table], settings)


def last_fit_day(engine: DuckDBEngine, table: str, column: str = "trained_through") -> date | None:
    """The day of a fit's latest attempt, by the rows that it left; None if there was none."""
    day: date | None = engine.rows(f"SELECT MAX({column}) FROM history.{table}")[0][0]
    return day


def model_components(engine: DuckDBEngine, table: str, *, with_date: bool = False) -> dict[str, dict[str, Any]]:
    """Rows of ARTEFACT by component; with_date: those only that say through which day they were learnt."""
    condition = "trained_through IS NOT NULL" if with_date else "TRUE"
    rows = engine.arrow(f"SELECT * FROM {table} WHERE {condition} ORDER BY component").to_pylist()
    return {row["component"]: row for row in rows}


def artefact(
    component: str,
    parameters: str,
    data: Iterable[npt.NDArray[np.float64]],
    libraries: Iterable[str],
    trained_from: date,
    trained_through: date,
) -> dict[str, Any]:
    """A row of ARTEFACT without target definition and bins; data: all that was fitted on."""
    digest = hashlib.sha256()
    for values in data:
        digest.update(np.ascontiguousarray(values).tobytes())
    return {
        "component": component,
        "parameters": parameters,
        "trained_from": trained_from,
        "trained_through": trained_through,
        "libraries": json.dumps({name: version(name) for name in libraries}),
        "data_fingerprint": digest.hexdigest(),
        "target_definition": None,
        "bins": None,
    }


def values_of(settings: Settings, names: Iterable[str]) -> dict[str, Any]:
    """Some settings as they are recorded with a model."""
    now = settings.model_dump(mode="json")
    return {name: now[name] for name in names}


def has_target(row: Mapping[str, Any], settings: Settings, names: Iterable[str]) -> bool:
    """Whether a row of ARTEFACT forecasts what tonight's settings of these names define."""
    kept: dict[str, Any] = json.loads(row["target_definition"] or "{}")
    return kept == values_of(settings, names)


def bins_json(columns: Mapping[str, npt.NDArray[np.float64]], settings: Settings, set_by: Iterable[str]) -> str:
    """The bins of a row of ARTEFACT over some values by name, with the settings that these rest on."""
    bins = {name: asdict(fixed_bins(values)) for name, values in columns.items()}
    return json.dumps(values_of(settings, set_by) | {"bins": bins})


def kept_bins(row: dict[str, Any], settings: Settings, set_by: Iterable[str]) -> dict[str, Bins]:
    """The bins of a row of ARTEFACT, by what they are of; none if they were made by other settings."""
    kept = json.loads(row["bins"] or "{}")
    if any(kept.get(name) != value for name, value in values_of(settings, set_by).items()):
        return {}
    return {name: Bins(tuple(bins["edges"]), tuple(bins["shares"])) for name, bins in kept["bins"].items()}


def component_drift(
    bins: Mapping[str, Bins],
    counts: Mapping[str, npt.NDArray[np.int64]],
    names: Iterable[str],
    set_by: Iterable[str],
) -> list[QualityRow]:
    """The stability of what is watched of a component; for each name the reason why it is unknown, without bins."""
    if bins:
        return drift_rows(bins, {name: counts[name] for name in bins}, "active customers", "the night of the fit")
    unknown = f"no bins: the model was fitted by other settings ({', '.join(set_by)})"
    return [(f"psi_{name}", None, unknown) for name in names]


def cut_offs(engine: DuckDBEngine, run_date: date, gap: timedelta, settings: Settings) -> list[date]:
    """Up to four dates whose outcome is known, a horizon apart; all but the last two have half a year of history.

    The engine has customer_day and the view cut_off; feature_date is another one afterwards.
    """
    first: date = engine.rows("SELECT MIN(business_date) FROM customer_day")[0][0] or run_date
    days = dates_back(engine, run_date, gap, CUT_OFFS, settings)
    return [day for day in days if day >= days[-2] or (day - first).days >= CUT_OFF_HISTORY_DAYS]


def dates_back(engine: DuckDBEngine, run_date: date, gap: timedelta, count: int, settings: Settings) -> list[date]:
    """So many dates before a night, each at least a gap before the next; oldest first.

    Each lies as many days after the last night that brought receipts as run_date does: as of a day on which last week's
    are still to come, all customers would look more silent than they do tonight.
    """
    lag = run_date - _last_night(engine, run_date, settings)
    days = [run_date]
    while len(days) <= count:
        days.append(_last_night(engine, days[-1] - gap - lag, settings) + lag)
    return days[:0:-1]


def _last_night(engine: DuckDBEngine, day: date, settings: Settings) -> date:
    """The last night up to a day that brought customers' receipts; the day itself if all counts as known then."""
    register_feature_dates(engine, [day], settings)
    known_by, night = engine.rows("SELECT known_by_date, last_night_date FROM cut_off")[0]
    return night if known_by == day else day


def register_pattern_date(engine: DuckDBEngine, day: date, settings: Settings) -> None:
    """Make pattern_date the day as of which purchases are counted; taken_back is then what had come back by it."""
    engine.register_arrow("pattern_date", pa.table({"as_of_date": pa.array([day], pa.date32())}))
    register_feature_dates(engine, [day], settings)


def model_age(learnt_through: date, run_date: date, metric: str = "model_age_days") -> QualityRow:
    """(metric, value, note): how old a model is that should have been replaced within 35 days."""
    age = (run_date - learnt_through).days
    note = "days since the last day that the model learnt from"
    if age > OLD_MODEL_DAYS:
        note = f"alarm; {note}: for more than {OLD_MODEL_DAYS} days no newer one was good enough"
    return metric, float(age), note

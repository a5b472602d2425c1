"""What the fits of all models share: when one is due, at which cut-offs, what a model's row and its quality hold."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.evaluation.drift import Bins, drift_rows
from models.types import QualityRow
from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import Settings
from pipelines.store.lake import Night
from pipelines.tables.parameters import feature_dates
from pipelines.tables.recipes import fit_recipe

Tables = dict[str, pa.Table]


# A row of a model's table: a part's parameters, what they were fitted on and with, what they forecast, bins for drift.
ARTEFACT = pa.schema(
    [
        ("part", pa.string()),
        ("parameters", pa.string()),
        ("trained_from", pa.date32()),
        ("trained_through", pa.date32()),
        ("libraries", pa.string()),
        ("data_fingerprint", pa.string()),
        ("question", pa.string()),
        ("bins", pa.string()),
    ]
)


SEED = 7


BATCH_ROWS = 250_000


# Four weeks, so that each weekday counts alike; or all days since the last parameters were fitted, if they are more.
TRIAL_DAYS = 28


# Dates at which churn is learnt and judged, a horizon apart, and the history that each should have.
CUT_OFFS = 4


CUT_OFF_HISTORY_DAYS = 180


OLD_MODEL_DAYS = 35


# Whom a model doesn't learn from.
SHOPPER = "customer_id NOT IN (SELECT customer_id FROM service_account)"


def quality_rows(model: str, rows: Iterable[QualityRow], trained_through: date) -> pa.Table:
    """Rows of a table of a fit or of drift; trained_through: the last day of the data behind them."""
    columns = [(model, metric, value, note, trained_through) for metric, value, note in rows]
    names = ("model", "metric", "value", "note", "trained_through")
    types = (pa.string(), pa.string(), pa.float64(), pa.string(), pa.date32())
    return pa.table({name: pa.array([row[i] for row in columns], types[i]) for i, name in enumerate(names)})


def is_fitted(table: str, night: Night, settings: Settings, fitted_on: date | None) -> bool:
    """Whether the last night's model serves tonight too: young enough, of the same code, SQL, libraries and settings.

    Args:
        table: the table of the model's fit.
        night: tonight.
        settings: tonight's.
        fitted_on: the day of the last fit; None if there was none.
    """
    last = night.previous.tables.get(table) if night.previous else None
    if last is None or fitted_on is None or night.run_date - fitted_on >= timedelta(settings.fit_days):
        return False
    return last.recipe == fit_recipe(tables()[table], settings)


def artefact(
    part: str,
    parameters: str,
    data: Iterable[npt.NDArray[np.float64]],
    libraries: Iterable[str],
    trained_from: date,
    trained_through: date,
) -> dict[str, Any]:
    """A row of ARTEFACT without question and bins; data: all that was fitted on."""
    digest = hashlib.sha256()
    for values in data:
        digest.update(np.ascontiguousarray(values).tobytes())
    return {
        "part": part,
        "parameters": parameters,
        "trained_from": trained_from,
        "trained_through": trained_through,
        "libraries": json.dumps({name: version(name) for name in libraries}),
        "data_fingerprint": digest.hexdigest(),
    }


def values_of(settings: Settings, names: Iterable[str]) -> dict[str, Any]:
    """Some settings as they are recorded with a model."""
    now = settings.model_dump(mode="json")
    return {name: now[name] for name in names}


def kept_bins(row: dict[str, Any], settings: Settings, watched_by: Iterable[str]) -> dict[str, Bins]:
    """The bins of a row of ARTEFACT, by what they are of; none if they were made by other settings."""
    kept = json.loads(row["bins"] or "{}")
    if any(kept.get(name) != value for name, value in values_of(settings, watched_by).items()):
        return {}
    return {name: Bins(tuple(bins["edges"]), tuple(bins["shares"])) for name, bins in kept["bins"].items()}


def part_drift(
    bins: Mapping[str, Bins],
    watched: Mapping[str, npt.NDArray[np.int64]],
    names: Iterable[str],
    watched_by: Iterable[str],
) -> list[QualityRow]:
    """The stability of what is watched of a part; of each name, why it is unknown, if there are no bins."""
    if bins:
        return drift_rows(bins, {name: watched[name] for name in bins}, "active customers", "the night of the fit")
    unknown = f"no bins: the model was fitted by other settings ({', '.join(watched_by)})"
    return [(f"psi_{name}", None, unknown) for name in names]


def cut_offs(engine: DuckDBEngine, run_date: date, gap: timedelta, settings: Settings) -> list[date]:
    """Up to four dates whose outcome is known, a horizon apart; with half a year of history, but for the last two.

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
    engine.register_arrow("feature_date", feature_dates([day], settings))
    known_by, night = engine.rows("SELECT known_by_date, last_night_date FROM cut_off")[0]
    return night if known_by == day else day


def md5_share(share: float) -> str:
    """The first eight characters of an md5 below which this share of all lies."""
    return f"{round(share * (16**8 - 1)):08x}"


def model_age(learnt_through: date, run_date: date, metric: str = "model_age_days") -> QualityRow:
    """(metric, value, note): how old a model is that should have been replaced within 35 days."""
    age = (run_date - learnt_through).days
    note = "days since the last day that the model learnt from"
    if age > OLD_MODEL_DAYS:
        note = f"alarm; {note}: for more than {OLD_MODEL_DAYS} days no newer one was good enough"
    return metric, float(age), note

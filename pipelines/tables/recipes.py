"""Recipes: what, besides the rows read, decides on a table's rows or on a fit."""

import hashlib
import json
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from pipelines.catalog import parsed, query, tables, views
from pipelines.contracts import sources
from pipelines.settings import ROOT, Settings
from pipelines.table import Table

# Settings that a fitted model rests on.
FITTED_BY = (
    "buying_model",
    "active_days",
    "churn_lead_days",
    "churn_horizon_days",
    "amounts_include_tax",
    "gift_card_categories",
)


def table_recipe(table: Table, settings: Settings) -> str:
    """SHA-256 of what, besides the inputs' rows, decides on the table's rows.

    That is its SQL, the views', tax, the order of points, by what rule the sources' rows replace earlier ones, and how
    long a customer is active, where its SQL asks for that.
    """
    of_views = [_sql(tables()[name].sql) for name in sorted(views())]
    whole_per = {name: source.whole_per for name, source in sources().items() if source.whole_per != "row"}
    read = [table.sql, *(tables()[name].sql for name in table.inputs if tables()[name].is_view)]
    active_days = settings.active_days if any("active_days" in sql for sql in read) else None
    ways = (settings.amounts_include_tax, settings.points_order)
    return _digest([_sql(table.sql), of_views, *ways, whole_per, active_days])


def fit_recipe(table: Table, settings: Settings) -> str:
    """SHA-256 of what, besides the rows read, decides on a fit.

    That is its model's code, the SQL that it runs and that of all tables it rests on, its libraries and settings; no
    other code, and neither comments in SQL nor how it is laid out.
    """
    now = settings.model_dump(mode="json")
    return _digest(
        {
            "code": [path.read_text(encoding="utf-8") for path in _model_files(table.model)],
            "queries": [_sql(query(name)) for name in table.queries],
            "sql": [_sql(tables()[name].sql) for name in sorted(_inputs_in_the_end(table))],
            "libraries": {name: version(name) for name in table.libraries},
            "settings": {name: now[name] for name in FITTED_BY},
        }
    )


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@lru_cache(maxsize=256)
def _sql(text: str) -> str:
    """A SELECT without comments, in one layout; "" for a table that has none."""
    return parsed(text).sql(dialect="duckdb", comments=False) if text else ""


def _model_files(model: str) -> list[Path]:
    """The files of a model: its module in models/, or all of its folder; none for a fit without a model."""
    models = ROOT / "models"
    return sorted([*models.glob(f"{model}.py"), *models.glob(f"{model}/**/*.py")]) if model else []


def _inputs_in_the_end(table: Table) -> set[str]:
    """The names of all tables of tonight that a table rests on."""
    return {name for read in table.inputs for name in (read, *_inputs_in_the_end(tables()[read]))}

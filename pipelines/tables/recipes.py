"""Recipes: what, besides the rows read, decides on a table's rows or on a fit."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from pipelines.catalog import Table, tables, views
from pipelines.settings import ROOT, Settings

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
    """What besides the inputs' rows decides on the table's rows."""
    of_views = [tables()[name].sql for name in sorted(views())]
    return hashlib.sha256(json.dumps([table.sql, of_views, settings.amounts_include_tax]).encode()).hexdigest()


def fit_recipe(table: Table, settings: Settings) -> str:
    """What besides the rows read decides on a fit: the model's code, the SQL of its inputs, libraries, settings."""
    now = settings.model_dump(mode="json")
    content = {
        "code": [path.read_text(encoding="utf-8") for path in _code_of(table.model)],
        "sql": [tables()[name].sql for name in sorted(_read_in_the_end(table))],
        "libraries": {name: version(name) for name in table.libraries},
        "settings": {name: now[name] for name in FITTED_BY},
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _code_of(model: str) -> list[Path]:
    """The files of a model: its module in models/, or all of its folder."""
    models = ROOT / "models"
    return sorted([*models.glob(f"{model}.py"), *models.glob(f"{model}/**/*.py")])


def _read_in_the_end(table: Table) -> set[str]:
    """The names of all tables of tonight that a table rests on."""
    return {name for read in table.inputs for name in (read, *_read_in_the_end(tables()[read]))}

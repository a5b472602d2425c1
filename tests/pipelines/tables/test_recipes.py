"""When a model is fitted anew: its code, its SQL, its libraries or its settings change; and for nothing else."""

import ast
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import catalog
from pipelines.catalog import tables
from pipelines.settings import ROOT, Settings
from pipelines.table import Table
from pipelines.tables import recipes
from pipelines.tables.recipes import fit_recipe, table_recipe

FITS = [name for name, table in tables().items() if table.is_fit]
MODELS = [name for name in FITS if tables()[name].model]
SETTINGS = Settings(_env_file=None)


def recipe(name: str) -> str:
    return fit_recipe(tables()[name], SETTINGS)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's models, which the recipes look at."""
    shutil.copytree(ROOT / "models", tmp_path / "models")
    monkeypatch.setattr(recipes, "ROOT", tmp_path)
    return tmp_path


def test_every_fit_is_known() -> None:
    assert sorted(FITS) == [
        "all_campaigns_effect",
        "churn_fit",
        "clv_fit",
        "concentration_fit",
        "headroom_fit",
        "next_order_fit",
        "product_fit",
        "spend_growth_fit",
    ]
    assert all(name in tables()[name].history for name in FITS), "a fit is kept by what it published last"


@pytest.mark.parametrize("name", MODELS)
def test_another_code_of_its_own_model_is_another_recipe(name: str, root: Path) -> None:
    before = recipe(name)
    folder = root / "models" / tables()[name].model
    path = sorted(folder.glob("[a-z]*.py"))[0] if folder.is_dir() else folder.with_suffix(".py")
    path.write_text(path.read_text() + "\nMORE = 1\n")
    assert recipe(name) != before


@pytest.mark.parametrize("name", FITS)
def test_another_models_code_is_not(name: str, root: Path) -> None:
    before = recipe(name)
    for path in (root / "models").rglob("*.py"):
        if tables()[name].model not in path.relative_to(root / "models").with_suffix("").parts:
            path.write_text("MORE = 1\n")
    assert recipe(name) == before


def changed(text: str) -> str:
    return text.replace("SELECT", "SELECT 1 AS more,", 1)


@pytest.mark.parametrize("name", FITS)
def test_another_query_of_the_fit_is_another_recipe(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = recipe(name)
    for query in tables()[name].queries:
        with monkeypatch.context() as patch:
            patch.setattr(recipes, "query", with_change(catalog.query, query))
            assert recipe(name) != before, query


def with_change(real: Callable[[str], str], changed_query: str) -> Callable[[str], str]:
    return lambda name: changed(real(name)) if name == changed_query else real(name)


@pytest.mark.parametrize("name", FITS)
def test_another_sql_of_what_it_rests_on_is_another_recipe_and_of_other_tables_not(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = recipe(name)
    for table, counts in (("receipt_fact", True), ("customer_day", True), ("kpi_daily", False)):
        other = dict(tables())
        other[table] = replace(other[table], sql=changed(other[table].sql))
        with monkeypatch.context() as patch:
            patch.setattr(recipes, "tables", lambda made=other: made)
            assert (recipe(name) != before) == counts, table


@pytest.mark.parametrize("name", FITS)
def test_comments_and_layout_of_sql_do_not_count(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def rewritten(text: str) -> str:
        return "-- Another header.\n\n" + re.sub(r"--.*", "-- another", text).replace("\n", "\n\n  ") if text else ""

    before = recipe(name), table_recipe(tables()["customer_day"], SETTINGS)
    other = {table: replace(made, sql=rewritten(made.sql)) for table, made in tables().items()}
    monkeypatch.setattr(recipes, "tables", lambda: other)
    monkeypatch.setattr(recipes, "query", lambda query: rewritten(catalog.query(query)))
    assert (recipe(name), table_recipe(other["customer_day"], SETTINGS)) == before


@pytest.mark.parametrize("name", MODELS)
def test_another_version_of_a_library_is_another_recipe(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = recipe(name), recipes.version
    for library in tables()[name].libraries:
        monkeypatch.setattr(recipes, "version", lambda of, now=library: "0" if of == now else real(of))
        assert recipe(name) != before, library


@pytest.mark.parametrize("name", FITS)
def test_other_settings_of_the_fit_are_another_recipe_and_all_others_are_not(name: str) -> None:
    before = recipe(name)
    for setting, value in {"active_days": 60, "amounts_include_tax": False, "churn_horizon_days": 30}.items():
        assert fit_recipe(tables()[name], SETTINGS.model_copy(update={setting: value})) != before, setting
    others = {"threads": 7, "control_salt": "other", "fit_days": 1, "home": Path("/elsewhere")}
    assert fit_recipe(tables()[name], SETTINGS.model_copy(update=others)) == before


@pytest.mark.parametrize("name", FITS)
def test_no_file_but_its_models_and_the_sql_is_read_for_a_recipe(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So neither code in pipelines/, nor a contract, nor the version of the code plays a part."""
    read, real = set(), Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda path, *args, **named: read.add(path) or real(path, *args, **named))
    catalog.query.cache_clear()
    recipe(name)
    read = {path for path in read if not path.is_relative_to(ROOT / ".venv")}  # versions of libraries
    model = tables()[name].model
    assert {path.relative_to(ROOT).parts[0] for path in read} == ({"models", "sql"} if model else {"sql"})
    names = {path.relative_to(ROOT / "models").with_suffix("").parts[0] for path in read if "models" in path.parts}
    assert names == ({model} if model else set())


# The catalog says what a module runs.


# What a module of scoring takes from another one and that runs queries.
IMPORTED = {"sample_customers", "night_total"}


def named_queries(module: str) -> Iterator[str]:
    """The queries that a module of scoring names, and those of the modules of scoring that it imports."""
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "query":
            (argument,) = node.args
            assert isinstance(argument, ast.Constant), "a query is named where it is run"
            yield str(argument.value)
        elif isinstance(node, ast.ImportFrom) and {"sample_customers", "night_total"} & {
            name.name for name in node.names
        }:
            yield from named_queries(str(node.module))


def by_module() -> dict[str, list[Table]]:
    found: dict[str, list[Table]] = {}
    for table in tables().values():
        if table.function.startswith("pipelines.scoring."):
            found.setdefault(table.function.split(":")[0], []).append(table)
    return found


@pytest.mark.parametrize("module", by_module())
def test_declared_queries_are_those_that_the_module_names(module: str) -> None:
    declared = {query for table in by_module()[module] for query in table.queries}
    assert declared == set(named_queries(module))


def test_every_query_of_fits_is_run_by_a_table() -> None:
    declared = {query for table in tables().values() for query in table.queries}
    assert {f"fits/{path.stem}" for path in (ROOT / "sql" / "fits").glob("*.sql")} <= declared

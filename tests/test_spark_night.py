"""A night on Spark has the rows that DuckDB gives, in every table, also where a fact grows by increments."""

from datetime import date, timedelta

from nights import run_night
from shop import write_shop
from spark import needs_spark

from pipelines.catalog import tables
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.settings import load_settings
from pipelines.store.lake import Lake
from pipelines.tables.build import made_tables
from pipelines.tables.inputs import contract_of

NOT_COMPARED = {"churn_model"}  # the archive has other bytes each time; what it scores is compared


def run_nights(home, landing, monkeypatch, engines: tuple[str, ...]) -> dict[str, list[tuple[object, ...]]]:
    """A night on each engine in turn; every table's rows as of the last."""
    for name, value in {"HOME": home, "LANDING": landing, "SPARK_MASTER": "local[2]"}.items():
        monkeypatch.setenv(f"LOYALTY_{name}", str(value))
    night = date(2025, 6, 29)
    for engine in engines:
        night += timedelta(days=1)
        monkeypatch.setenv("LOYALTY_ENGINE", engine)
        load_settings.cache_clear()
        run_night(night, "run", without=("publish", "export", "report", "finish"))
    manifest, draft = Lake(home).manifest(night), Lake(home).night(night, "run")
    rows = {}
    with DuckDBEngine(draft, load_settings()) as duck:
        for name in made_tables():
            if not name.startswith("rejected_") and not tables()[name].is_view and name not in NOT_COMPARED:
                rows[name] = sorted(duck.rows(duck.select_of(manifest.tables[name], contract_of(name))), key=repr)
    load_settings.cache_clear()
    return rows


@needs_spark
def test_a_night_on_spark_has_the_rows_of_duckdb(tmp_path, monkeypatch):
    write_shop(tmp_path / "landing", nights=2, customers=150)
    on_duckdb = run_nights(tmp_path / "duckdb", tmp_path / "landing", monkeypatch, ("duckdb", "duckdb"))
    on_spark = run_nights(tmp_path / "spark", tmp_path / "landing", monkeypatch, ("duckdb", "spark"))
    assert on_spark.keys() == on_duckdb.keys()
    for name, rows in on_duckdb.items():
        assert on_spark[name] == rows, name

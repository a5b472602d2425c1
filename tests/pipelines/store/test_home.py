"""The layout of a home: where things lie, which night is published, and what a killed run left."""

import re
from datetime import date
from pathlib import Path

import pytest

from pipelines.settings import ROOT, Settings
from pipelines.store import home as layout

NIGHT = date(2017, 12, 1)


def test_each_thing_of_a_night_has_its_folder(tmp_path):
    settings = Settings(home=tmp_path, landing=tmp_path / "elsewhere")
    found = {
        layout.warehouse_path(tmp_path),
        layout.warehouse_path(tmp_path, NIGHT),
        layout.exports_folder(tmp_path, NIGHT),
        layout.removals_folder(tmp_path),
        layout.reports_folder(tmp_path, NIGHT),
        layout.quality_folder(tmp_path, NIGHT),
        layout.landing_folder(settings, NIGHT),
    }
    assert {f"{path.relative_to(tmp_path)}" for path in found} == {
        "warehouse.duckdb",
        "warehouse.2017-12-01.duckdb",
        "exports/2017-12-01",
        "exports/erasures",
        "reports/2017-12-01",
        "quality/2017-12-01",
        "elsewhere/2017-12-01",
    }


def test_only_folders_that_are_named_after_a_night_are_those_of_nights(tmp_path):
    for name in ("2017-12-02", "2017-12-01", "erasures", ".2017-12-03.old"):
        (tmp_path / name).mkdir()
    (tmp_path / "2017-12-04").touch()
    assert [path.name for path in layout.night_folders(tmp_path)] == ["2017-12-01", "2017-12-02"]
    assert layout.night_folders(tmp_path / "missing") == []


def test_the_newest_warehouse_is_published_once_analysts_can_see_one(tmp_path):
    for day in (1, 2):
        layout.warehouse_path(tmp_path, date(2017, 12, day)).touch()
    (tmp_path / "warehouse.backup.duckdb").touch()
    assert layout.published_night(tmp_path) is None
    layout.warehouse_path(tmp_path).touch()
    assert layout.published_night(tmp_path) == date(2017, 12, 2)


def test_what_a_killed_run_left_goes(tmp_path):
    for folder in ("exports/2017-12-02", "quality/.2017-12-01.ab"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").touch()
    for file in (
        ".warehouse.2017-12-01.duckdb.ab",
        "lake/manifests/.2017-12-01.json.ab",
        "reports/2017-12-01/.index.ab",
        "lake/deliveries/hello/.hold.ab",
        "lake/deliveries/hello/1/.members.parquet.ab",
        "lake/deliveries/hello/1/files/.email.csv.ab",
        "exports/2017-12-01/hello/2/.email.csv.ab",
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    layout.remove_leftovers(tmp_path)
    left = {f"{path.relative_to(tmp_path)}" for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"exports/2017-12-02/file"}


# settings.env, Airflow's folders, the bench's own home.
OWN_FOLDERS = {
    "settings.py",
    "ops/cli.py",
    "ops/cli_options.py",
    "ops/airflow_process.py",
    "ops/bench.py",
    "ops/bench_year.py",
}


@pytest.mark.parametrize("path", sorted((ROOT / "pipelines").rglob("*.py")), ids=lambda path: path.stem)
def test_no_other_room_puts_a_path_in_the_home_together(path: Path):
    if path.parent.name == "store" or f"{path.relative_to(ROOT / 'pipelines')}" in OWN_FOLDERS:
        return
    found = re.findall(r"(?:home|landing_dir|lake\.root) / .*|home\.glob.*", path.read_text(encoding="utf-8"))
    assert found == []

"""What goes wrong around a night: killed anywhere, no room on the disk, no permission, two at once, readers all the time.

A kill is a home as it lies on the disk at one moment: the night runs once, and its home is copied at each such moment.
"""

import fcntl
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest
from shop import write_shop

from pipelines import nightly
from pipelines.catalog import tables
from pipelines.contracts import sources
from pipelines.errors import BadDataError, HomeBusyError, LoyaltyError, NightOpenError
from pipelines.extract import inspect
from pipelines.lake import Lake, alone_in, beside_others_in
from pipelines.publish import published_night
from pipelines.settings import ROOT, load_settings

FIRST, SECOND = date(2025, 6, 30), date(2025, 7, 1)
Files = dict[str, tuple[int, int]]


def steps(night: date, run_id: str) -> Iterator[tuple[str, Callable[[], object]]]:
    """A night's steps by name, but Airflow."""
    yield "open_night", lambda: nightly.open_night(night, run_id)
    for name, table in tables().items():
        if table.kind != "split":
            yield name, lambda name=name: nightly.make(name, night, run_id)
    for step in (nightly.commit, nightly.publish, nightly.export, nightly.report, nightly.finish):
        yield step.__name__, lambda step=step: step(night, run_id)


def run_night(night: date, run_id: str) -> None:
    for _, step in steps(night, run_id):
        step()


@contextmanager
def home_of(path: Path) -> Iterator[Path]:
    """Work in a home."""
    os.environ["LOYALTY_HOME"] = str(path)
    load_settings.cache_clear()
    yield path


@pytest.fixture(scope="module", autouse=True)
def landing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two nights' extracts of a shop of six."""
    folder = tmp_path_factory.mktemp("landing")
    write_shop(folder, nights=2, customers=6)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_LANDING", str(folder))
        patch.setenv("LOYALTY_HOME", str(folder / "nowhere"))
        patch.setenv("LOYALTY_PHONE_REGION", "RU")
        yield folder
    load_settings.cache_clear()


@pytest.fixture(scope="module")
def one_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after its first night."""
    with home_of(tmp_path_factory.mktemp("one_night") / "home") as home:
        run_night(FIRST, "first")
    return home


def copy_of(home: Path, target: Path) -> Path:
    """A home as it is now. Files are shared: none is ever written to again, only replaced."""
    shutil.copytree(home, target, copy_function=os.link)
    return target


def files(home: Path) -> Files:
    """Every file of a home: which one it is and how long; without the drafts of nights that are not finished."""
    found = {}
    for path in home.rglob("*"):
        name = str(path.relative_to(home))
        if path.is_file() and not name.startswith(("lake/drafts", ".lock")):
            found[name] = (path.stat().st_ino, path.stat().st_size)
    return found


def table_rows(home: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every published table's rows; pipeline_run without the seconds, which are never the same."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        names = [name for (name,) in warehouse.execute("SELECT table_name FROM information_schema.tables").fetchall()]
        select = {name: "*" for name in names} | {"pipeline_run": "run_date, code_version, settings, input_hashes"}
        return {n: sorted(warehouse.execute(f"SELECT {select[n]} FROM {n}").fetchall(), key=repr) for n in names}


def outcome(home: Path) -> object:
    """What people see of a home's latest night: tables, campaign files, report."""
    seen = [path for name in ("exports", "reports") for path in (home / name).rglob("*") if path.is_file()]
    content = {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in seen}
    return table_rows(home), content


class Watch:
    """Calls back before each rename, link and removal of a file in a home; an audit hook can't be taken back."""

    def __init__(self) -> None:
        self.home: Path | None = None
        self.call: Callable[[str], None] = lambda event: None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[object, ...]) -> None:
        if self.home is None or event not in ("os.rename", "os.link", "os.remove"):
            return
        home, self.home = self.home, None  # what the callback does itself is nobody's business
        try:
            self.call(event)
        finally:
            self.home = home


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


Moment = tuple[str, Path]


@pytest.fixture(scope="module")
def killed(one_night: Path, tmp_path_factory: pytest.TempPathFactory, watch: Watch) -> tuple[list[Moment], Path]:
    """The second night, as it would lie there if it were killed: by step; and as it ends.

    After each step; from the commit on also before each rename, link and removal. Up to the commit, at every such
    moment all that was there before the night is looked at.
    """
    folder = tmp_path_factory.mktemp("killed")
    moments: list[Moment] = []
    with home_of(copy_of(one_night, folder / "home")) as home:
        before = {name: file for name, file in files(home).items() if not name.startswith("quality")}
        looked = 0

        def keep(name: str) -> None:
            moments.append((name, copy_of(home, folder / f"{len(moments)}")))

        def look(event: str) -> None:
            nonlocal looked
            looked += 1
            now = files(home)
            assert {name: now.get(name) for name in before} == before, (step, event)

        for step, work in steps(SECOND, "second"):
            is_committed = step in ("commit", "publish", "export", "report", "finish")
            watch.call = (lambda event, step=step: keep(f"{step} at {event}")) if is_committed else look
            watch.home = home
            try:
                work()
            finally:
                watch.home = None
            keep(step)
        assert looked > 150
    return moments, home


def begin_again(home: Path) -> Files:
    """The files on which the next run of the second night begins."""
    with home_of(home):
        nightly.open_night(SECOND, "again")
        return files(home)


def test_a_night_killed_anywhere_before_its_commit_leaves_nothing_to_the_next_run(killed, one_night, tmp_path):
    """After any task the next run begins as if the killed one had never been, so it ends the same."""
    moments, _ = killed
    before = [moment for moment in moments if not moment[1].joinpath("lake/manifests/2025-07-01.json").exists()]
    assert {name for name, _ in before} >= {name for name, table in tables().items() if table.kind != "split"}
    undisturbed = begin_again(copy_of(one_night, tmp_path / "home"))
    for name, home in before:
        again = {path: file for path, file in begin_again(home).items() if not path.startswith("quality/2025-07-01")}
        assert again == undisturbed, name


def test_a_file_cut_off_by_the_kill_is_swept_away(killed, one_night, tmp_path):
    """Half a Parquet file, half a warehouse, half a note: under names that nothing reads."""
    undisturbed = begin_again(copy_of(one_night, tmp_path / "undisturbed"))
    home = copy_of(one_night, tmp_path / "home")
    with home_of(home):
        nightly.open_night(SECOND, "second")
        night = Lake(home).night(SECOND, "second")
        half = [night.new_file("receipts"), night.temporary_folder() / "00000.parquet"]
        half += [home / ".warehouse.2025-07-01.aaaaaaaa", home / "lake/manifests/.2025-07-01.json.aaaaaaaa"]
        half += [home / "lake/published/.2025-07-01.json.aaaaaaaa", home / "reports/2025-06-30/.index.aaaa.html"]
        (home / "exports/.2025-07-01.old").mkdir()
        (home / "exports/2025-07-01").mkdir()
        for path in (*half, home / "exports/.2025-07-01.old/email.csv"):
            path.write_bytes(b"PAR1")
    assert begin_again(home) == undisturbed


def test_campaign_files_that_had_made_room_for_new_ones_come_back(one_night, tmp_path):
    home = copy_of(one_night, tmp_path / "home")
    before = files(home)
    (home / "exports/2025-06-30").rename(home / "exports/.2025-06-30.old")
    assert begin_again(home) == before


def test_a_night_killed_after_its_commit_shows_one_night_whole_and_ends_the_same_when_run_again(killed, one_night):
    moments, end = killed
    whole = {FIRST: table_rows(one_night), SECOND: table_rows(end)}
    ended = outcome(end)
    after = [moment for moment in moments if moment[1].joinpath("lake/manifests/2025-07-01.json").exists()]
    beginnings = {}
    for name, home in after:
        with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
            (shown,) = warehouse.execute("SELECT run_date FROM night").fetchone()
        copied = {  # views name their files by where the night ran: rows are read where nothing has changed since
            table: rows for table, rows in table_rows(home).items() if table not in ("order_fact", "order_line")
        }
        assert copied == {table: whole[shown][table] for table in copied}, name
        manifest = Lake(home).manifest(SECOND)
        missing = [f for t in manifest.tables.values() for f in t.files() if not Lake(home).path(f).exists()]
        assert missing == [], name
        begun = begin_again(home)
        beginnings[json.dumps(sorted(begun))] = (name, home)
    for name, home in beginnings.values():
        with home_of(home):
            run_night(SECOND, "again")
        assert outcome(home) == ended, name
        assert not [path for path in home.rglob(".*") if path.name != ".lock"], name

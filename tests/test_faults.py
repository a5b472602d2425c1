"""What goes wrong around a night: killed anywhere, no room on the disk, no permission, two at once, constant readers.

A kill is a home as it lies on the disk at one moment: the night runs once, and its home is copied at each such moment.
"""

import fcntl
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from nights import copy_of, home_of, make_steps, outcome, run_night, steps, table_rows
from shop import write_shop

from pipelines.catalog import tables
from pipelines.contracts import sources
from pipelines.errors import BadDataError, HomeBusyError, LoyaltyError, NightOpenError
from pipelines.intake.extract import inspect
from pipelines.ops import nightly
from pipelines.settings import ROOT, load_settings
from pipelines.store.home import published_night
from pipelines.store.lake import Lake
from pipelines.store.locks import exclusive_home_lock, shared_home_lock

FIRST, SECOND = date(2025, 6, 30), date(2025, 7, 1)
Files = dict[str, tuple[int, int]]


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


def files(home: Path) -> Files:
    """Every file of a home: which one it is and how long.

    Without the drafts of nights that are not finished, and without the heads, which each night works out anew.
    """
    found = {}
    for path in home.rglob("*"):
        name = str(path.relative_to(home))
        if path.is_file() and not name.startswith(("lake/drafts", "lake/heads.json", ".lock")):
            found[name] = (path.stat().st_ino, path.stat().st_size)
    return found


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


def read_files(home: Path) -> set[Path]:
    """Files of the lake that the home's manifests and warehouses read."""
    lake = Lake(home)
    named = {
        file for night in lake.nights() for table in lake.manifest(night).tables.values() for file in table.paths()
    }
    for note in (lake.root / "published").glob("*.json"):
        named |= set(json.loads(note.read_bytes()))
    return {lake.path(file) for file in named}


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


def test_a_night_killed_after_its_commit_shows_one_night_whole_and_ends_the_same_when_run_again(killed, one_night):
    moments, end = killed
    whole = {FIRST: table_rows(one_night), SECOND: table_rows(end)}
    ended = outcome(end)
    after = [moment for moment in moments if moment[1].joinpath("lake/manifests/2025-07-01.json").exists()]
    beginnings = {}  # what differs between them for a night that is run again: one of each
    for name, home in after:
        rows = table_rows(home)
        assert rows == whole[rows["night"][0][0]], name
        assert not [file for file in read_files(home) if not file.exists()], name
        begun = begin_again(home)
        beginnings[tuple(sorted(file for file in begun if file.startswith(("lake", "warehouse"))))] = (name, home)
    assert len(beginnings) > 1
    for name, home in beginnings.values():
        with home_of(home):
            run_night(SECOND, "again")
        assert outcome(home) == ended, name
        assert not [path for path in home.rglob(".*") if path.name != ".lock"], name


# --- the disk ---


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """What a full disk does, for whoever runs the tests: a write fails half-way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("size", "where"), [(20, "open_night"), (1_300, "promo_codes"), (100_000, "publish_warehouse")]
)
def test_a_disk_without_room_is_named_and_costs_tonight_alone(one_night, tmp_path, size, where):
    home = copy_of(one_night, tmp_path / "home")
    Lake(home).collect_garbage()  # keeps the heads, which are longer than the smallest files
    before = outcome(home)
    with (
        home_of(home),
        no_file_longer_than(size),
        pytest.raises(
            LoyaltyError, match=rf"^{where}: there is no room for a file .* MiB are free in {home}\. Make room"
        ),
    ):
        run_night(SECOND, "second")
    assert outcome(home) == before
    begun = begin_again(home)
    assert not [path for path in home.rglob(".*") if path.name != ".lock"]
    if where != "publish_warehouse":  # which comes after the commit
        assert begun == begin_again(copy_of(one_night, tmp_path / "undisturbed"))


def test_the_words_for_a_full_disk_are_found_in_what_duckdb_says(one_night):
    with (
        home_of(one_night),
        pytest.raises(LoyaltyError, match=r"^kpi_daily: there is no room for a file .*No space left on device"),
        nightly._step("kpi_daily", load_settings()),
    ):
        duckdb.execute("COPY (SELECT * FROM RANGE(1000000)) TO '/dev/full' (FORMAT parquet, USE_TMP_FILE false)")


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Root may read everything: be nobody for a while."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_an_extract_that_may_not_be_read_is_named():
    contract = sources()["receipts"]
    with TemporaryDirectory() as name:  # pytest's own folders are closed to nobody's eyes
        folder = Path(name)
        folder.chmod(0o755)
        path = folder / "receipts.csv"
        path.write_text("receipt_id,issued_at,total_amount\n")
        path.chmod(0)
        message = r"receipts\.csv: may not be read\. Give the pipeline's user read permission"
        with an_ordinary_user(), pytest.raises(BadDataError, match=message):
            inspect(path, contract)


def test_a_folder_that_may_not_be_read_or_written_is_named(one_night):
    with (
        home_of(one_night) as home,
        pytest.raises(LoyaltyError, match=r"^publish_warehouse: a file may not be read or written .*warehouse"),
        nightly._step("publish_warehouse", load_settings()),
    ):
        raise PermissionError(13, "Permission denied", f"{home}/warehouse.duckdb")


# --- two at once ---


@contextmanager
def another_process(home: Path, how: str) -> Iterator[None]:
    """Somebody who works in the home, until the block ends or they are killed."""
    code = f"from pipelines.store.locks import {how}; import sys, pathlib\n"
    code += f"with {how}(pathlib.Path(sys.argv[1])): print(1), input()"
    with subprocess.Popen(
        [sys.executable, "-uc", code, str(home)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.kill()


def loyalty(home: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pipelines.ops.cli", *arguments, "--home", str(home)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_what_an_unpublished_warehouse_would_have_read_is_not_kept_for_ever(tmp_path):
    lake = Lake(tmp_path)
    lake.root.mkdir()
    kept, forgotten = (lake.keep_published(date(2025, 6, day), ["tables/a.parquet"]) for day in (29, 30))
    (tmp_path / "warehouse.2025-06-29.duckdb").touch()
    lake.remove_leftovers()
    assert (kept.exists(), forgotten.exists()) == (True, False)


@pytest.mark.parametrize("how", ["exclusive_home_lock", "shared_home_lock"])
def test_a_second_run_is_refused_while_another_or_a_task_of_the_scheduler_works(one_night, tmp_path, how):
    home = copy_of(one_night, tmp_path / "home")
    before = files(home)
    with another_process(home, how):
        code, error = loyalty(home, "run", "--date", f"{SECOND}")
        assert (code, error) == (1, f"Error: another run works in {home}. Wait for it to end, then try again.\n")
        with home_of(home), pytest.raises(HomeBusyError, match="another run works in"):
            nightly.open_night(SECOND, "scheduled")
    assert {name: file for name, file in files(home).items() if "airflow" not in name} == before
    with home_of(home):
        nightly.open_night(SECOND, "scheduled")  # the other one was killed, and blocks nobody


def test_tasks_of_a_night_work_side_by_side_and_wait_for_who_is_alone(tmp_path):
    with (
        shared_home_lock(tmp_path),
        another_process(tmp_path, "shared_home_lock"),
        pytest.raises(HomeBusyError),
        exclusive_home_lock(tmp_path),
    ):
        pass
    with (
        exclusive_home_lock(tmp_path),
        shared_home_lock(tmp_path),
        (tmp_path / ".lock").open() as lock,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)


def test_a_night_that_begins_ends_any_other_that_is_not_finished(one_night, tmp_path):
    with home_of(copy_of(one_night, tmp_path / "home")) as home:
        nightly.open_night(SECOND, "scheduled")
        make_steps(("products",), SECOND, "scheduled")
        nightly.open_night(FIRST, "by hand")
        message = "night 2025-07-01 is not open for run scheduled: run by hand has begun night 2025-06-30"
        for work in (lambda: make_steps(("stores",), SECOND, "scheduled"), lambda: nightly.commit(SECOND, "scheduled")):
            with pytest.raises(NightOpenError, match=message):
                work()
        assert Lake(home).open_nights() == ["2025-06-30"]


# --- readers ---


def test_analysts_who_read_all_the_time_never_fail_and_never_see_two_nights(one_night, tmp_path):
    """Another process reads tables and a view in a loop while nights are published one by one; it sees them all."""
    home = copy_of(one_night, tmp_path / "home")
    code = """if True:
        import sys, duckdb
        shown = None
        while f"{shown}" != sys.argv[2]:
            with duckdb.connect(sys.argv[1], read_only=True) as warehouse:
                for _ in range(2):
                    [night] = warehouse.execute("SELECT run_date FROM night").fetchall()
                    found = warehouse.execute(
                        "SELECT run_date FROM customer_rfm UNION SELECT run_date FROM order_fact "
                        "UNION SELECT run_date FROM kpi_daily").fetchall()
                    assert found == [night], (found, night)
            if night[0] != shown:
                shown = night[0]
                print(shown, flush=True)
    """
    days = [FIRST + timedelta(n) for n in range(1, 7)]
    command = [sys.executable, "-c", code, str(home / "warehouse.duckdb"), f"{days[-1]}"]
    lake = Lake(home)
    last = lake.manifest(FIRST)
    with (
        home_of(home),
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reader,
    ):
        assert reader.stdout is not None
        assert reader.stderr is not None
        assert reader.stdout.readline() == f"{FIRST}\n", reader.stderr.read()
        for day in days:  # the same tables under another date, so that a mixture would show
            lake.open_night(day, f"{day}")
            night = lake.night(day, f"{day}")
            for name, state in last.tables.items():
                night.add(name, state)
            night.commit("test", {}, last.tables)
            nightly.publish(day, f"{day}")
            night.finish()
            assert reader.stdout.readline() == f"{day}\n", reader.stderr.read()
    assert reader.returncode == 0
    assert published_night(home) == days[-1]

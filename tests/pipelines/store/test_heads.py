"""Heads of manifests: worked out of them, kept beside them, and what they say of outdated nights."""

from datetime import date, timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.store.files import stamp_of
from pipelines.store.heads import head_of, keep_heads, read_heads, stale
from pipelines.store.lake import Lake
from pipelines.store.manifest import DataFile, Manifest, TableState, lineage_of, version_of

DAYS = [date(2017, 12, 1) + timedelta(n) for n in range(6)]


def data_file(night: date, name: str, rows: int = 1) -> DataFile:
    return DataFile(path=f"tables/t/{night}.{name}.parquet", night=night, rows=rows)


def manifest(night: date, files: tuple[DataFile, ...], load: str = "delta", lineage=None) -> Manifest:
    state = TableState(data_files=files, key=("id",), info={"load": load}, lineage=lineage)
    return Manifest(run_date=night, code_version="x", settings={"a": 1}, tables={"t": state})


STAMP = (1, 2, 3)


def test_a_head_names_the_files_that_its_night_wrote_and_none_of_other_nights():
    files = (data_file(DAYS[0], "a"), data_file(DAYS[1], "b"))
    assert head_of(manifest(DAYS[1], files), STAMP).named == {f"{DAYS[1]}.b.parquet"}


def test_a_head_is_used_while_the_manifest_is_the_file_that_it_was_made_of(tmp_path):
    lake = Lake(tmp_path)
    lake.root.mkdir()
    lake.replace_manifest(manifest(DAYS[0], (data_file(DAYS[0], "a"),)))
    lake.collect_garbage()  # keeps heads
    (path,) = (tmp_path / "lake" / "manifests").iterdir()
    kept = tmp_path / "lake" / "heads.json"
    known = read_heads(kept)
    assert known == {DAYS[0]: head_of(lake.manifest(DAYS[0]), stamp_of(path))}
    marked = known[DAYS[0]].model_copy(update={"code_version": "as kept"})
    keep_heads(kept, {DAYS[0]: marked})
    assert lake.heads() == [marked]
    path.touch()
    assert lake.heads() == [head_of(lake.manifest(DAYS[0]), stamp_of(path))]
    keep_heads(kept, {DAYS[0]: marked})
    other = manifest(DAYS[0], (data_file(DAYS[0], "b"),))
    path.unlink()
    path.write_text(other.model_dump_json())
    assert lake.heads() == [head_of(other, stamp_of(path))]
    kept.write_text("{")
    assert lake.heads() == [head_of(other, stamp_of(path))]


def lake_of(home, nights: int) -> Lake:
    """A lake of nights, each of which wrote one file and names that of the night before."""
    lake = Lake(home)
    lake.root.mkdir()
    (lake.root / "tables" / "t").mkdir(parents=True)
    days = [DAYS[0] + timedelta(n) for n in range(nights)]
    for n, night in enumerate(days):
        own = data_file(night, "run.a")
        lake.path(own.path).touch()
        lake.replace_manifest(manifest(night, (*(data_file(day, "run.a") for day in days[max(n - 1, 0) : n]), own)))
    return lake


def manifests_read(lake: Lake, monkeypatch, do) -> int:
    """How many manifests something reads."""
    read = []
    plain = Lake.manifest
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "manifest", lambda self, night: read.append(night) or plain(self, night))
        do()
    return len(read)


def test_once_heads_are_kept_no_manifest_is_read_to_tell_garbage_and_outdated_nights(tmp_path, monkeypatch):
    lake = lake_of(tmp_path, 30)
    assert manifests_read(lake, monkeypatch, lake.collect_garbage) == 30
    assert manifests_read(lake, monkeypatch, lake.collect_garbage) == 0
    assert manifests_read(lake, monkeypatch, lake.stale_nights) == 0
    lake.replace_manifest(manifest(DAYS[1], (data_file(DAYS[1], "run.a"),)))
    assert manifests_read(lake, monkeypatch, lake.collect_garbage) == 1


def test_a_file_that_only_a_later_night_names_stays_and_is_looked_for_once(tmp_path, monkeypatch):
    lake = lake_of(tmp_path, 30)
    lake.collect_garbage()
    new = data_file(DAYS[1], "again.b")
    lake.path(new.path).touch()
    lake.replace_manifest(manifest(DAYS[1], (new,)))  # run again: its first file is the third night's alone
    assert manifests_read(lake, monkeypatch, lake.collect_garbage) == 4
    assert manifests_read(lake, monkeypatch, lake.collect_garbage) == 0
    lake.replace_manifest(manifest(DAYS[2], (new, data_file(DAYS[2], "run.a"))))
    lake.collect_garbage()
    names = [path.name for path in lake.table_files()]
    assert f"{new.path}".rpartition("/")[2] in names
    assert f"{DAYS[1]}.run.a.parquet" not in names
    assert len(names) == 30


def test_the_folder_of_heads_of_an_earlier_version_goes(tmp_path):
    (old := tmp_path / "lake" / "heads").mkdir(parents=True)
    (old / "2017-12-01.json").touch()
    Lake(tmp_path).remove_leftovers()
    assert not old.exists()


def expected_files(staged: dict[date, tuple[DataFile, ...]], night: date, load: str) -> tuple[DataFile, ...]:
    """The files of which a source should consist: of all nights, or of the latest whole extract that has a row."""
    known = {day: files for day, files in sorted(staged.items()) if day <= night and files}
    if load == "delta":
        return tuple(file for files in known.values() for file in files)
    filled = [day for day, files in known.items() if any(file.rows for file in files)]
    return known[max(filled or known)] if known else ()


# Runs of nights in any order: the day, and the rows of its files (none for a night without an extract).
runs = st.lists(st.tuples(st.sampled_from(DAYS), st.lists(st.integers(0, 2), max_size=2)), min_size=1, max_size=12)


@settings(deadline=None)
@given(runs, st.sampled_from(["delta", "full"]), st.booleans())
def test_a_night_is_outdated_if_other_files_than_those_that_it_rests_on_are_the_source_now(runs, load, is_old):
    """Compared with the plain rule over the lists of all files, for manifests with and without a lineage."""
    # A manifest without a lineage does not say whether a whole extract without a row came.
    assume(load == "delta" or not is_old or all(not rows or any(rows) for _, rows in runs))
    staged: dict[date, tuple[DataFile, ...]] = {}
    made: dict[date, Manifest] = {}
    rests_on: dict[date, tuple[DataFile, ...]] = {}
    for number, (night, rows) in enumerate(runs):
        staged[night] = tuple(data_file(night, f"{number}.{n}", count) for n, count in enumerate(rows))
        rests_on[night] = expected_files(staged, night, load)
        before = None
        for day in sorted(day for day in staged if day < night):
            before = lineage_of(before, version_of(staged[day]), is_full=load == "full").state
        lineage = lineage_of(before, version_of(staged[night]), is_full=load == "full")
        files = rests_on[night] if is_old else staged[night]
        made[night] = manifest(night, files, load, None if is_old else lineage)
    outdated = {night for night, files in rests_on.items() if files != expected_files(staged, night, load)}
    outdated.discard(min(made))
    assert set(stale([head_of(made[night], STAMP) for night in sorted(made)])) == outdated

"""Heads of manifests: worked out of them, kept beside them, and what they say of outdated nights."""

import os
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.store.heads import head_of, keep_head, read_head, stale, stamp_of
from pipelines.store.lake import Lake
from pipelines.store.manifest import DataFile, Manifest, TableState, lineage_of, version_of

DAYS = [date(2017, 12, 1) + timedelta(n) for n in range(6)]


def data_file(night: date, name: str, rows: int = 1) -> DataFile:
    return DataFile(path=f"tables/t/{night}.{name}.parquet", night=night, rows=rows)


def manifest(night: date, files: tuple[DataFile, ...], load: str = "delta", lineage=None) -> Manifest:
    state = TableState(data_files=files, key=("id",), info={"load": load}, lineage=lineage)
    return Manifest(run_date=night, code_version="x", settings={"a": 1}, tables={"t": state})


def test_a_head_has_the_files_that_its_night_wrote_and_none_of_other_nights():
    files = (data_file(DAYS[0], "a"), data_file(DAYS[1], "b"))
    head = head_of(manifest(DAYS[1], files))
    assert head.written == {files[1].path}
    assert head.sources["t"].lineage == manifest(DAYS[1], files).lineage("t")


def test_a_head_is_used_while_the_manifest_is_the_file_that_it_was_made_of(tmp_path):
    lake = Lake(tmp_path)
    lake.root.mkdir()
    lake.replace_manifest(manifest(DAYS[0], (data_file(DAYS[0], "a"),)))
    (path,) = (tmp_path / "lake" / "manifests").iterdir()
    kept = tmp_path / "lake" / "heads" / path.name
    assert read_head(kept, stamp_of(path)) == lake.heads()[0]
    other = manifest(DAYS[0], (data_file(DAYS[0], "b"),))
    path.unlink()
    path.write_text(other.model_dump_json())
    assert read_head(kept, stamp_of(path)) is None
    assert lake.heads() == [head_of(other)]
    kept.write_text("{}")
    assert lake.heads() == [head_of(other)]
    lake.collect_garbage()  # keeps what was not kept
    assert read_head(kept, stamp_of(path)) == head_of(other)


def test_a_head_of_a_file_that_was_touched_since_is_not_used(tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text("a")
    keep_head(tmp_path / "head.json", head_of(manifest(DAYS[0], ())), stamp_of(path))
    assert read_head(tmp_path / "head.json", stamp_of(path)) is not None
    os.utime(path, ns=(1, 1))
    assert read_head(tmp_path / "head.json", stamp_of(path)) is None


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
    assert set(stale([head_of(made[night]) for night in sorted(made)])) == outdated

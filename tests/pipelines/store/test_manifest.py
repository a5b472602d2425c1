"""Manifests: which files a table consists of, as read and as written."""

import json
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.store.manifest import DataFile, Manifest, TableState, latest_full, staged_files

FIRST, SECOND, THIRD = (date(2017, 12, day) for day in (1, 2, 3))


def data_file(night: date, rows: int = 1, name: str = "a") -> DataFile:
    return DataFile(path=f"tables/t/{night}.{name}.parquet", night=night, rows=rows)


def manifest(night: date, *files: DataFile) -> Manifest:
    return Manifest(run_date=night, code_version="x", settings={}, tables={"t": TableState(data_files=files)})


def test_a_manifest_that_calls_data_files_parts_is_still_read():
    part = {"path": "tables/t/a.parquet", "night": "2017-12-01", "rows": 3}
    earlier = {
        "run_date": "2017-12-01",
        "code_version": "x",
        "settings": {},
        "tables": {"t": {"parts": [part], "superseded": [part], "key": ["id"]}},
    }
    state = Manifest.model_validate_json(json.dumps(earlier)).tables["t"]
    file = DataFile(path="tables/t/a.parquet", night=FIRST, rows=3)
    assert state == TableState(data_files=(file,), superseded=(file,), key=("id",))
    assert "data_files" in json.loads(state.model_dump_json())


files = st.builds(data_file, st.sampled_from([FIRST, SECOND, THIRD]), st.integers(0, 9), st.text("ab", max_size=3))
states = st.builds(
    TableState,
    data_files=st.lists(files).map(tuple),
    superseded=st.lists(files).map(tuple),
    key=st.lists(st.text()).map(tuple),
    info=st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()),
)


@given(states)
def test_a_state_comes_back_from_json_as_it_was(state):
    assert TableState.model_validate_json(state.model_dump_json()) == state


@given(states, st.sampled_from([FIRST, SECOND, THIRD]))
def test_files_written_by_before_and_after_a_night_are_all_files(state, night):
    after = {file for file in state.data_files if file.night > night}
    assert {*state.written_by(night), *state.written_before(night), *after} == {*state.data_files}
    assert {*state.paths()} == {file.path for file in (*state.data_files, *state.superseded)}
    assert state.rows == sum(file.rows for file in state.data_files)


def test_each_manifest_speaks_for_its_own_night_and_the_oldest_also_for_those_before():
    old, own, other = data_file(FIRST), data_file(SECOND), data_file(SECOND, name="b")
    third = data_file(THIRD)
    found = staged_files("t", [manifest(SECOND, old, own), manifest(THIRD, old, other, third)])
    assert found == {FIRST: (old,), SECOND: (own,), THIRD: (third,)}
    assert staged_files("u", [manifest(SECOND, own)]) == {}


def test_a_full_load_is_its_latest_extract_with_a_row():
    filled, empty = data_file(FIRST), data_file(SECOND, rows=0)
    assert latest_full({FIRST: (filled,), SECOND: (empty,)}) == (filled,)
    assert latest_full({FIRST: (empty,), SECOND: (empty,)}) == (empty,)
    assert latest_full({}) == ()


@given(st.dictionaries(st.integers(0, 30).map(lambda n: FIRST + timedelta(n)), st.integers(0, 1), min_size=1))
def test_no_later_extract_than_that_of_a_full_load_has_a_row(rows):
    by_night = {night: (data_file(night, count),) for night, count in rows.items()}
    (chosen,) = latest_full(by_night)
    assert not any(count for night, count in rows.items() if night > chosen.night)
    assert chosen.rows or not any(rows.values())

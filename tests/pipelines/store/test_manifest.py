"""Manifests: which files a table consists of, as read and as written."""

import json
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from pipelines.store.manifest import DataFile, Lineage, Manifest, TableState, Version, lineage_of, version_of

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


def version(name: str, *, is_filled: bool = True) -> Version:
    return Version(id=name, is_filled=is_filled)


def test_a_delta_adds_to_what_was_there_and_a_full_load_takes_its_place_unless_it_has_no_row():
    old, new, empty = version("old"), version("new"), version("empty", is_filled=False)
    assert lineage_of(None, None).state is None
    assert lineage_of(old, None).state == lineage_of(old, None, is_full=True).state == old
    assert lineage_of(None, new).state == new
    assert lineage_of(old, new).state not in (old, new, None)
    assert lineage_of(old, new) != lineage_of(new, old)
    assert lineage_of(old, new, is_full=True).state == new
    assert lineage_of(old, empty, is_full=True).state == old
    assert lineage_of(empty, version("b", is_filled=False), is_full=True).state == version("b", is_filled=False)


def test_other_files_are_another_version_in_whatever_order_they_are_named():
    a, b = data_file(FIRST, rows=0), data_file(FIRST, name="b", rows=0)
    assert version_of([a, b]) == version_of([b, a]) != version_of([a])
    assert version_of([]) is None
    assert (version_of([a]).is_filled, version_of([a, data_file(FIRST, rows=2)]).is_filled) == (False, True)


def test_a_manifest_of_an_earlier_version_tells_the_lineage_by_the_nights_of_its_files():
    first, second, third = (data_file(night) for night in (FIRST, SECOND, THIRD))
    two, three = manifest(SECOND, first, second), manifest(THIRD, first, second, third)
    assert two.lineage("t").own == version_of([second])
    assert three.lineage("t") == lineage_of(two.lineage("t").state, version_of([third]))
    assert manifest(THIRD, first, second).lineage("t") == lineage_of(two.lineage("t").state, None)
    assert two.lineage("u") == Lineage()


def test_a_lineage_that_is_written_down_counts():
    lineage = Lineage(own=version("kept"), state=version("kept"))
    state = TableState(data_files=(data_file(FIRST),), lineage=lineage)
    named = Manifest(run_date=FIRST, code_version="x", settings={}, tables={"t": state})
    assert named.lineage("t") == lineage

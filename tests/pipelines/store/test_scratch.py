"""A night that nobody commits reads the home's nights and writes elsewhere."""

from datetime import date

import pytest
from nights import hashes

from pipelines.intake.mapping.salt import read_salt
from pipelines.store.scratch import ScratchLake

FIRST, SECOND = "2017-12-01", "2017-12-02"


@pytest.fixture
def home(retailer):
    retailer.deliver(FIRST, stores="store_id\ns1\n")
    retailer.load(FIRST)
    return retailer.home


def test_it_builds_on_the_last_night_before_it(home, tmp_path):
    night = ScratchLake(home, tmp_path / "scratch").begin(date.fromisoformat(SECOND))
    state, is_known = night.earlier("stores")
    assert (state.rows, is_known, night.previous.run_date) == (1, True, date.fromisoformat(FIRST))
    assert all(night.lake.path(file.path).is_relative_to(home) for file in state.data_files)


def test_it_writes_into_the_folder_alone(home, tmp_path):
    before = hashes(home)
    night = ScratchLake(home, tmp_path / "scratch").begin(date.fromisoformat(SECOND))
    path = night.new_file("stores")
    path.touch()
    file = night.data_file(path, 0)
    assert night.lake.path(file.path) == path
    for written in (path, night.temporary_folder()):
        assert written.is_relative_to(tmp_path / "scratch")
    night.stop("stores", "a reason")
    assert hashes(home) == before


def test_the_homes_salt_is_taken_and_none_is_made_there(home, tmp_path):
    lake = ScratchLake(home, tmp_path / "scratch")
    made = read_salt(lake)
    assert not (home / "lake" / "mapping_salt").exists()
    (home / "lake" / "mapping_salt").write_text("the home's\n")
    assert (read_salt(ScratchLake(home, tmp_path / "scratch")), made == "the home's") == ("the home's", False)

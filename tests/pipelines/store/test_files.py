"""Files written whole or not at all."""

import stat
from pathlib import Path

import pytest

from pipelines.store.files import path_beside, write_atomically


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "manifest.json"
    for content in (b"a longer first content", b"second"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_file_has_its_mode_from_the_start(tmp_path, mode):
    write_atomically(tmp_path / "file", b"", mode)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_write_that_breaks_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, b"before")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("no room")))
    with pytest.raises(OSError, match="no room"):
        write_atomically(path, b"after")
    assert path.read_bytes() == b"before"


def test_a_path_beside_is_hidden_in_the_same_folder_and_never_the_same(tmp_path):
    beside = {path_beside(tmp_path / "report") for _ in range(100)}
    assert len(beside) == 100
    assert {path.parent for path in beside} == {tmp_path}
    assert all(path.name.startswith(".report.") for path in beside)

"""Great-expectations and its Data Docs: errors, privacy, and that no other host is asked."""

import re
import socket
import stat
import subprocess
import sys
import tempfile
from dataclasses import replace

import pytest
from batches import NIGHTS, load, receipts

from pipelines import contracts
from pipelines.contracts import Expectation, sources
from pipelines.errors import LoyaltyError
from pipelines.intake import batch_validation


@pytest.mark.parametrize(
    ("kind", "arguments", "why"),
    [
        ("expect_column_max_to_be_between", (("column", "no_such_figure"), ("max_value", 1)), "no_such_figure"),
        ("expect_column_to_be_nice", (("column", "rejected_share"),), "expect_column_to_be_nice"),
        ("expect_column_max_to_be_between", (("column", "rejected_share"), ("max_value", "x")), "max_value"),
    ],
)
def test_what_great_expectations_cannot_judge_is_an_error_and_no_failed_expectation(
    retailer, monkeypatch, kind, arguments, why
):
    odd = Expectation("odd", kind, arguments)
    contract = replace(sources()["receipts"], expectations=(odd,))
    monkeypatch.setattr(batch_validation, "sources", lambda: {**sources(), "receipts": contract})
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 3))
    with pytest.raises(LoyaltyError, match=f"receipts: great-expectations can't judge the expectation odd: .*{why}"):
        load(retailer, NIGHTS[0])


@pytest.mark.parametrize(("shared", "file_mode", "folder_mode"), [("false", 0o600, 0o700), ("true", 0o640, 0o750)])
def test_pages_are_as_private_as_the_report_and_ask_no_other_host(
    retailer, monkeypatch, shared, file_mode, folder_mode
):
    monkeypatch.setenv("LOYALTY_SHARED_GROUP", shared)
    contracts.load_settings.cache_clear()
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100))
    load(retailer, NIGHTS[0])
    folder = retailer.home / "quality" / NIGHTS[0]
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == folder_mode
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == file_mode
        page = path.read_text()
        assert "default-src 'none'" in page
        assert not re.search(r"<script|<link|<img", page)


def test_great_expectations_is_imported_by_the_task_alone():
    modules = "pipelines.publishing.run_summary, pipelines.intake.batch_validation"
    code = f"import sys, {modules}; sys.exit('great_expectations' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_great_expectations_calls_nobody_and_writes_nothing_outside_the_home(retailer, monkeypatch, tmp_path):
    from pipelines.intake.data_docs import _context

    def refuse(*_address):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    retailer.deliver(NIGHTS[0], receipts=receipts(NIGHTS[0], 100))
    load(retailer, NIGHTS[0])
    assert _context().variables.analytics_enabled is False
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "tmp"]
    assert list((tmp_path / "tmp").iterdir()) == []

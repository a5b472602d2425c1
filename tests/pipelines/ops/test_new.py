"""New sources, tables, segments and targets: files that pass the project's own checks as they are written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.errors import LoyaltyError
from pipelines.ops.new import Kind, TableLayer, write_scaffold
from pipelines.settings import ROOT

NEW = {
    Kind.source: ("till_checks", {"data_contracts/sources/till_checks.yaml"}),
    Kind.table: (
        "customer_check",
        {
            "sql/marts/customer_check.sql",
            "data_contracts/marts/customer_check.yaml",
            "tests/sql/cases/customer_check/every_customer_has_a_row.yaml",
        },
    ),
    Kind.segment: (
        "regulars",
        {"sql/segments/regulars.sql", "tests/sql/cases/regulars/active_customers_are_in_it.yaml"},
    ),
    Kind.target: ("pigeon_post", {"data_contracts/exports/pigeon_post.yaml"}),
}


@pytest.mark.parametrize("kind", Kind)
def test_every_file_is_written_and_says_what_to_fill_in_and_what_comes_next(kind, tmp_path):
    name, files = NEW[kind]
    scaffold = write_scaffold(kind, name, root=tmp_path)
    written = {path.relative_to(tmp_path).as_posix(): path.read_text() for path in tmp_path.rglob("*.*")}
    assert written.keys() == files == {path.as_posix() for path in scaffold.files}
    assert all("FILL IN" in text and text.endswith("\n") for text in written.values())
    assert "make check" in scaffold.next_steps[-1] or "make check" in scaffold.next_steps[-2]


@pytest.mark.parametrize("layer", TableLayer)
def test_a_table_is_written_in_the_layer_that_is_asked_for(layer, tmp_path):
    scaffold = write_scaffold(Kind.table, "customer_check", layer, tmp_path)
    assert [path.as_posix() for path in scaffold.files[:2]] == [
        f"sql/{layer}/customer_check.sql",
        f"data_contracts/{layer}/customer_check.yaml",
    ]


@pytest.mark.parametrize(
    "name", ["", "Two Words", "1st", "a-b", "../up", "a.b", "select", "night", "rejected_x", "x_personal"]
)
def test_a_name_that_is_not_plain_or_has_a_meaning_is_refused(name, tmp_path):
    for kind in Kind:
        with pytest.raises(LoyaltyError, match=r"is no plain name|has a meaning of its own"):
            write_scaffold(kind, name, root=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.source, "receipts"),
        (Kind.source, "customer_360"),
        (Kind.table, "customer_clv"),
        (Kind.table, "champions"),
        (Kind.table, "segments"),
        (Kind.segment, "champions"),
        (Kind.segment, "receipts"),
        (Kind.target, "sms"),
    ],
)
def test_a_name_that_exists_is_refused(kind, name, tmp_path):
    for folder in ("data_contracts", "sql", "tests/sql/cases"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    with pytest.raises(LoyaltyError, match="exists already; nothing was written"):
        write_scaffold(kind, name, root=tmp_path)


def test_all_files_are_written_or_none(tmp_path):
    (tmp_path / "tests").write_text("a file where a folder should be")
    with pytest.raises(LoyaltyError, match="nothing was written"):
        write_scaffold(Kind.table, "customer_check", root=tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / "tests"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with one new thing of each kind, written by the command line."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("config", "dags", "data_contracts", "docs", "models", "pipelines", "sql", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    for kind, (name, files) in NEW.items():
        out = run(copy, "-m", "pipelines.ops.cli", "new", kind, name)
        assert all(f"  {file}\n" in out for file in files)
    written = copy / "docs" / "DATA_DICTIONARY.md"
    written.write_text(run(copy, "-m", "pipelines.ops.cli", "dictionary"))
    return copy


def run(folder: Path, *arguments: str) -> str:
    """What a Python command prints in a copy of the project; it must succeed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "LOYALTY", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": f"{folder}:{folder / 'tests'}", "LOYALTY_HOME": str(folder / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_written_passes_the_checks_of_contracts_and_cases(project):
    names = " or ".join(name for name, _ in NEW.values())
    for tests in ("tests/pipelines/test_contracts.py", "tests/sql"):
        run(project, "-m", "pytest", "-p", "no:cacheprovider", tests, "-k", f"({names}) and not spark")


def test_a_night_stages_the_source_and_makes_the_table_and_the_segment(project):
    code = """if True:
        from datetime import date
        from pathlib import Path
        from tests.conftest import Retailer
        from pipelines.catalog import tables
        from pipelines.campaigns.targets import export_target
        retailer = Retailer(Path("data").resolve())
        retailer.deliver(
            "2024-06-30",
            till_checks="till_check_id,occurred_at,amount\\nt1,2024-06-30,5\\nt2,2024-06-30,-5\\n",
            crm_customers="customer_id,registered_at\\nc1,2024-01-01\\n",
            receipts="receipt_id,customer_id,issued_at,total_amount\\nr1,c1,2024-06-29,5\\n",
        )
        night = retailer.load("2024-06-30", upto=("staging", "facts", "scores", "marts", "segments"))
        print(retailer.rows(night, "till_checks", "till_check_id"))
        print(retailer.rejected(night, "till_checks"))
        print(retailer.rows(night, "customer_check", "customer_id"))
        print(("c1", "regulars") in retailer.rows(night, "customer_segment", "customer_id, segment"))
        print(export_target("pigeon_post").channels)
    """
    assert run(project, "-c", code).splitlines() == [
        "[('t1',)]",
        "[('till_checks.csv', 2, 'amount_negative')]",
        "[('c1',)]",
        "True",
        "('email',)",
    ]


def test_what_is_written_passes_the_linter(project):
    files = ("sql/marts/customer_check.sql", "sql/segments/regulars.sql")
    run(project, "-m", "sqlfluff", "lint", "--disable-progress-bar", *files)

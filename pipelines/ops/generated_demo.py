"""The generated demo: a retailer with all that the extracts can tell, and the truth behind it known.

5,000 customers of twelve French shops and an online shop buy coffee, tea and what goes with it, for two and a half
years. The SELECTs are in pipelines/ops/generated/; its module truth says what was planted, for tests.
"""

import json
from datetime import date, timedelta
from pathlib import Path

from duckdb import DuckDBPyConnection

from pipelines.ops import generated
from pipelines.ops.demo_files import DemoRetailer, DemoSummary, write_retailer
from pipelines.ops.generated import extracts, people, points, sales, voices
from pipelines.ops.generated.truth import Truth, truth_as_of

FIRST_DAY = date(2023, 1, 2)


HISTORY_END = date(2025, 6, 29)


DAYS = tuple(HISTORY_END + timedelta(days=n) for n in range(8))


GENERATED_SETTINGS = {
    "LOYALTY_TIMEZONE": "Europe/Paris",
    "LOYALTY_CURRENCY": "EUR",
    "LOYALTY_PHONE_REGION": "FR",
    "LOYALTY_GIFT_CARD_CATEGORIES": json.dumps(["Gift cards"]),
    "LOYALTY_TARGETS": "targets.yaml",
    "LOYALTY_TIERS": "tiers.yaml",
}


# Its plan and growth targets, and its tiers, for the home.
GENERATED_FILES = tuple(Path(generated.__file__).with_name(name) for name in ("targets.yaml", "tiers.yaml"))


NOTES = (
    "All of it is made up, the same on every machine. E-mail addresses are of example.org; phone numbers are of the "
    "ranges that France keeps for fiction.",
    "What campaigns truly did: double_points made 15 % of its treated buy once more; gold_call 12 %, and cost more "
    "than it brought; tea_magazine did nothing; spring_code moved later purchases into its week and gave the discount "
    "away; autumn_catalogue has no control group; summer_news is not over yet.",
    "Points: five a euro, posted after two weeks, spent all at once, gone after a year. The ledger posts an expiry on "
    "the first of the month after it.",
    "Returns name their sale in seven of ten cases. There are exchanges, gift cards and voids.",
    "Second accounts: merged by the CRM, the same e-mail in capitals, the same phone and name, or a card that changes "
    "hands on 2025-06-30. Families and couples share a phone and stay apart.",
)


_FILES = {
    "crm_customers": "crm_customers.csv",
    "receipts": "receipts.csv.gz",
    "receipt_lines": "receipt_lines.csv",
    "products": "products.parquet",
    "stores": "stores.csv",
    "loyalty_cards": "loyalty_cards.csv",
    "points_ledger": "points_ledger.csv",
    "promo_codes": "promo_codes.csv",
    "promo_redemptions": "promo_redemptions.csv",
    "campaigns": "campaigns.csv",
    "campaign_members": "campaign_members.csv",
    "contacts": "contacts.csv",
    "surveys": "surveys.csv",
    "support_tickets": "support_tickets.csv",
    "suppressions": "suppressions.csv",
    "web_events": "web_events.csv",
    "programme_costs": "programme_costs.csv",
}


def write_generated(landing: Path, *, threads: int | None = None) -> DemoSummary:
    """The generated retailer's extracts: history up to 2025-06-29 in one folder, then a folder a day up to 2025-07-06.

    A complete folder stays as it is. The bytes depend on neither the machine nor the number of threads.

    Args:
        landing: where the folders go, made if missing.
        threads: of DuckDB; one per processor if None.

    Raises:
        LoyaltyError: a folder of one of these days holds other files.
    """
    return write_retailer(DemoRetailer(dict.fromkeys(DAYS, _FILES), _prepare, NOTES), landing, threads)


def _prepare(con: DuckDBPyConnection) -> None:
    make_retailer(con)
    con.execute(extracts.EXTRACTS_SQL)


def make_retailer(con: DuckDBPyConnection) -> None:
    """Make the tables behind the extracts in an empty database: persons, accounts, receipts, lots of points and so on.

    They hold more than the extracts say (who is whose second account, which purchase a campaign brought about).
    """
    con.execute(f"SET VARIABLE first_day = DATE '{FIRST_DAY}'")
    con.execute(f"SET VARIABLE history_end = DATE '{HISTORY_END}'")
    con.execute(f"SET VARIABLE last_day = DATE '{DAYS[-1]}'")
    for name, words in {"women": people.WOMEN, "men": people.MEN, "last_names": people.LAST_NAMES}.items():
        con.execute(f"SET VARIABLE {name} = ?", [words.split()])
    con.execute("SET VARIABLE gaps = ?", [list(sales.GAPS)])
    for sql in (people.MACROS_SQL, people.STORES_SQL, people.PERSON_SQL, people.ACCOUNT_SQL):
        con.execute(sql)
    for sql in (sales.GOODS_SQL, sales.CAMPAIGN_SQL, sales.TRIP_SQL, sales.CODE_SQL, sales.LINE_SQL, sales.RETURN_SQL):
        con.execute(sql)
    for sql in (voices.MESSAGE_SQL, voices.VOICE_SQL):
        con.execute(sql)
    points.make_points(con)


def truth(night: date) -> Truth:
    """What is true as of a night of DAYS, from the second on, for tests; the pipeline never reads it."""
    import duckdb

    with duckdb.connect() as con:
        make_retailer(con)
        return truth_as_of(con, night)

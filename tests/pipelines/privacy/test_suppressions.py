"""Erasure from the suppression list: by id and by address, in what was received and in the lake."""

import duckdb
from conftest import needed
from two_people import DAYS, landing, run_day

from pipelines.privacy.erase import erase

HEADER = "customer_id,email,phone,address,channel,reason\n"
# Ann's id; her old account's; her address, in other letters; her phone, in another form; her address in another's row.
OF_ANN = (
    "12,,,,sms,complaint\n"
    "11,ann.private@example.net,,,email,complaint\n"
    ",ANN.Lee@example.ORG,,,email,550 ann.lee@example.org unknown\n"
    ",,+1 201 555-0177,,call,asked\n"
    ",,,ann@old.example.org,,\n"
    ",Ann.Private@example.net,,,email,\n"
)
OF_BOB = ",bob@example.org,,,email,complaint\n"
SHARED = ",,(201) 555-0123,,sms,\n"  # Bob has this phone too
BOTH = "2,ann.lee@example.org,,,email,Ann Lee asked\n"
BOTH_AFTER = "2,,,,email,\n"
IDS_AND_ADDRESSES = "customer_id, email, phone, email_or_phone"


def of_night(shop, columns=IDS_AND_ADDRESSES, table="suppressions_personal"):
    return shop.rows(shop.open(DAYS[2]), table, columns)


def state_of(shop):
    channels = "customer_id, channel, since_date"  # a reason that named them is gone, and another one comes
    night = shop.open(DAYS[2])
    of_lists = [shop.rows(night, table) for table in ("suppressions", "suppressions_personal")]
    return of_lists, shop.rows(night, "suppressed_channel", channels), shop.counts(night, "suppressions")


def test_their_rows_go_from_landing_and_lake_and_nights_afterwards_know_no_id_of_them(shop):
    """A later list's addresses stay: whoever has one by then is not written to, and who was erased stays unknown."""
    shop.deliver(DAYS[2], suppressions=HEADER + OF_ANN + OF_BOB + SHARED + BOTH)
    run_day(DAYS[2])
    assert of_night(shop, "DISTINCT customer_id", "suppressed_channel") == [("12",), ("2",)]
    outcome = erase("11", shop.settings, discard_open=True)
    assert outcome.found == ()
    rest = [line.strip() for line in (HEADER, OF_BOB, SHARED, BOTH_AFTER)]
    assert landing(shop, DAYS[2], "suppressions.csv") == rest
    assert of_night(shop) == sorted(
        [(None, "bob@example.org", None, None), (None, None, "(201) 555-0123", None), ("2", None, None, None)], key=repr
    )
    assert of_night(shop, "DISTINCT customer_id", "suppressions") == [("2",), (None,)]
    assert of_night(shop, "DISTINCT customer_id", "suppressed_channel") == [("2",)]
    before = state_of(shop)
    shop.load(DAYS[2], only=needed("suppressed_channel"), upto=("staging", "facts"))
    assert state_of(shop) == before
    rows = "12,,,,sms,complaint\n12,ann.lee@example.org,,,sms,\n,bob@example.org,,,sms,\n"
    shop.deliver(DAYS[2], suppressions=HEADER + rows)
    shop.load(DAYS[2], only=needed("suppressed_channel"), upto=("staging", "facts"))
    night = shop.open(DAYS[2])
    assert shop.rejected(night, "suppressions") == [("suppressions.csv", 1, "erased")]
    assert shop.rows(night, "suppressions_personal", "customer_id, email") == [
        (None, "ann.lee@example.org"),
        (None, "bob@example.org"),
    ]
    assert shop.rows(night, "suppressed_channel", "customer_id, channel") == [("2", "sms")]


def test_rows_of_a_parquet_list_go_too(shop):
    folder = shop.deliver(DAYS[2])
    rows = "('12', NULL, NULL, 'c'), (NULL, 'ANN.lee@example.org', NULL, 'c'), (NULL, NULL, 12015550177, 'c')"
    rows += ", (NULL, NULL, 12015550188, 'c'), ('2', 'ann.lee@example.org', NULL, 'of ann.lee@example.org')"
    path = folder / "suppressions.parquet"
    table = "SELECT i AS customer_id, e AS email, CAST(p AS BIGINT) AS phone, r AS reason"
    duckdb.sql(f"COPY ({table} FROM (VALUES {rows}) AS t (i, e, p, r)) TO '{path}' (FORMAT parquet)")
    shop.load(DAYS[2], only=needed("suppressed_channel"), upto=("staging", "facts"))
    outcome = erase("12", shop.settings)
    assert outcome.found == ()
    assert outcome.changes[f"landing/{DAYS[2]}/suppressions.parquet"] == 4
    left = duckdb.sql(f"SELECT customer_id, email, CAST(phone AS VARCHAR), reason FROM '{path}' ORDER BY ALL")
    assert left.fetchall() == [("2", None, None, None), (None, None, "12015550188", "c")]

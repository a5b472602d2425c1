"""Erasure from the suppression list: by id and by address, in what was received and in the lake."""

import duckdb
import pytest
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


@pytest.fixture
def listed(shop):
    shop.deliver(DAYS[2], suppressions=HEADER + OF_ANN + OF_BOB + SHARED + BOTH)
    run_day(DAYS[2])
    return shop


def test_their_rows_go_from_landing_and_lake_and_a_search_finds_nothing(listed):
    before = of_night(listed, "DISTINCT customer_id", "suppressed_channel")
    assert before == [("12",), ("2",)]
    outcome = erase("11", listed.settings, discard_open=True)
    assert outcome.found == ()
    rest = [line.strip() for line in (HEADER, OF_BOB, SHARED, BOTH_AFTER)]
    assert landing(listed, DAYS[2], "suppressions.csv") == rest
    assert of_night(listed) == sorted(
        [(None, "bob@example.org", None, None), (None, None, "(201) 555-0123", None), ("2", None, None, None)], key=repr
    )
    assert of_night(listed, "DISTINCT customer_id", "suppressions") == [("2",), (None,)]
    assert of_night(listed, "DISTINCT customer_id", "suppressed_channel") == [("2",)]


def test_a_night_run_again_after_it_comes_out_the_same(listed):
    erase("12", listed.settings)
    channels = "customer_id, channel, since_date"  # a reason that named them is gone, and another one comes

    def state():
        night = listed.open(DAYS[2])
        of_lists = [listed.rows(night, table) for table in ("suppressions", "suppressions_personal")]
        return of_lists, listed.rows(night, "suppressed_channel", channels), listed.counts(night, "suppressions")

    before = state()
    run_day(DAYS[2])
    assert state() == before


@pytest.mark.parametrize("phones", ["VARCHAR", "BIGINT"])
def test_rows_of_a_parquet_list_go_too(shop, phones):
    folder = shop.deliver(DAYS[2])
    rows = "('12', NULL, NULL, 'c'), (NULL, 'ANN.lee@example.org', NULL, 'c'), (NULL, NULL, 12015550177, 'c')"
    rows += ", (NULL, NULL, 12015550188, 'c'), ('2', 'ann.lee@example.org', NULL, 'of ann.lee@example.org')"
    path = folder / "suppressions.parquet"
    table = f"SELECT i AS customer_id, e AS email, CAST(p AS {phones}) AS phone, r AS reason"
    duckdb.sql(f"COPY ({table} FROM (VALUES {rows}) AS t (i, e, p, r)) TO '{path}' (FORMAT parquet)")
    run_day(DAYS[2])
    outcome = erase("12", shop.settings)
    assert outcome.found == ()
    assert outcome.changes[f"landing/{DAYS[2]}/suppressions.parquet"] == 4
    left = duckdb.sql(f"SELECT customer_id, email, CAST(phone AS VARCHAR), reason FROM '{path}' ORDER BY ALL")
    assert left.fetchall() == [("2", None, None, None), (None, None, "12015550188", "c")]


def test_a_later_list_brings_no_id_of_them_and_keeps_what_it_says_of_addresses(shop):
    """Whoever has the address by then is not written to; who it was that is erased stays unknown."""
    erase("12", shop.settings)
    rows = "12,,,,sms,complaint\n12,ann.lee@example.org,,,sms,\n,bob@example.org,,,sms,\n"
    shop.deliver(DAYS[2], suppressions=HEADER + rows)
    run_day(DAYS[2])
    night = shop.open(DAYS[2])
    assert shop.rejected(night, "suppressions") == [("suppressions.csv", 1, "erased")]
    assert shop.rows(night, "suppressions_personal", "customer_id, email") == [
        (None, "ann.lee@example.org"),
        (None, "bob@example.org"),
    ]
    assert shop.rows(night, "suppressed_channel", "customer_id, channel") == [("2", "sms")]

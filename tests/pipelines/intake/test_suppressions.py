"""The list of those who must not be written to: rows without an id, addresses as anybody writes them, bad rows."""

from datetime import date

import pytest
from conftest import needed
from extracts import NEXT, NIGHT, load, rules

from pipelines.errors import BadDataError
from pipelines.publishing.night_warnings import night_warnings

CRM = "customer_id,registered_at,email,phone,merged_into_customer_id\n"
PEOPLE = CRM + "a,2017-01-01,ann@example.org,,\nb,2017-01-01,,(201) 555-0123,\nold,2017-01-01,old@example.org,,a\n"


def suppressed(retailer, content, night=NIGHT):
    """The fact of a night whose list is this one; None: there is none tonight."""
    lists = {} if content is None else {"suppressions": content}
    retailer.deliver(night, crm_customers=PEOPLE, **lists)
    loaded = retailer.load(night, upto=("staging", "facts"), only=needed("suppressed_channel"))
    return retailer.rows(loaded, "suppressed_channel", "customer_id, channel, reason, CAST(since_date AS VARCHAR)")


@pytest.mark.parametrize(
    ("content", "customer"),
    [
        ('email,channel\n" ANN@Example.ORG ",SMS\n', "a"),
        ("email,channel\nOld@example.org,sms\n", "a"),
        ("phone,channel\n+1 201-555 0123,sms\n", "b"),
        ("phone,channel\n2015550123,sms\n", "b"),
        ("address,channel\nmailto:ann@example.org,sms\n", "a"),
        ("Address,channel\n201.555.0123,sms\n", "b"),
        ("customer_id,channel\nold,sms\n", "a"),
    ],
)
def test_a_list_of_any_one_column_names_its_person_however_the_address_is_written(retailer, content, customer):
    assert suppressed(retailer, content) == [(customer, "sms", None, None)]


def test_a_list_of_addresses_alone_means_all_channels_from_the_beginning(retailer):
    channels = ("ads", "call", "email", "messenger", "push", "sms")
    assert suppressed(retailer, "email\nann@example.org\n") == [("a", channel, None, None) for channel in channels]


def test_since_is_a_business_date_and_what_begins_after_the_night_does_not_hold(retailer):
    rows = "ann@example.org,email,2018-01-02T03:00:00Z,late evening\n,sms,2018-01-02,tomorrow\n"
    found = suppressed(retailer, "email,channel,since,reason\n" + rows.replace("\n,", "\nann@example.org,"))
    assert found == [("a", "email", "late evening", "2018-01-01")]


def test_the_latest_list_is_the_whole_list_and_no_list_or_an_empty_one_changes_nothing(retailer):
    header, ann, bob = "email,phone,channel\n", "ann@example.org,,sms\n", ",2015550123,sms\n"
    of_ann, of_bob = ("a", "sms", None, None), ("b", "sms", None, None)
    assert suppressed(retailer, header + ann + bob) == [of_ann, of_bob]
    assert suppressed(retailer, None, "2018-01-02") == [of_ann, of_bob]
    assert suppressed(retailer, header, "2018-01-03") == [of_ann, of_bob]
    assert suppressed(retailer, header + bob, "2018-01-04") == [of_bob]


def test_a_row_that_names_nobody_is_rejected(retailer):
    rows = "c1,,,,email\n,x@example.org,,,email\n,,2015550123,,email\n,,,x@example.org,email\n, ,,,email\n"
    night = load(retailer, "suppressions", "customer_id,email,phone,address,channel\n" + rows)
    assert rules(retailer, night, "suppressions") == [(5, "nobody_named")]
    assert retailer.counts(night, "suppressions") == (5, 4, 1, 0, 0)


def test_a_list_whose_columns_nobody_knows_stops_the_night(retailer):
    names = "channel, customer_id, email, email_or_phone, phone, reason, since_at"
    of_header = rf"suppressions\.csv: of its 1 columns none is one that the contract knows \({names}\)"
    with pytest.raises(BadDataError, match=of_header):
        load(retailer, "suppressions", "Mail\nx@example.org\n")
    retailer.deliver(NIGHT, suppressions="Mail,Channel\n" + "x@example.org,sms\n" * 10)
    with pytest.raises(BadDataError, match="10 of 10 rows are rejected: 10 by nobody_named"):
        retailer.load(NIGHT, upto=("staging", "facts"))


def test_only_a_row_that_says_all_the_same_is_a_duplicate(retailer):
    header = "email,phone,channel,since_at,reason\n"
    row = "x@example.org,,sms,2017-12-01,complaint\n"
    others = [
        "x@example.org,,sms,2017-12-02,complaint\n",
        "x@example.org,,sms,,complaint\n",
        "x@example.org,,sms,2017-12-01,court\n",
        "x@example.org,,,2017-12-01,complaint\n",
        "y@example.org,,sms,2017-12-01,complaint\n",
        ",2015550123,sms,2017-12-01,complaint\n",
    ]
    night = load(retailer, "suppressions", header + row + "".join(others) + row)
    assert retailer.counts(night, "suppressions") == (8, 7, 0, 1, 0)
    assert len(retailer.rows(night, "suppressions_personal", "email")) == 7


def test_addresses_and_reasons_lie_apart(retailer):
    header = "customer_id,email,phone,address,channel,since_at,reason\n"
    night = load(retailer, "suppressions", header + "c1,X@example.org,2015550123,y@example.org,sms,2017-12-01,asked\n")
    plain = "customer_id, channel, CAST(since_date AS VARCHAR), CAST(landing_date AS VARCHAR)"
    of_row = ("c1", "sms", "2017-12-01", NIGHT)
    others = "COLUMNS(* EXCLUDE (customer_id, channel, since_at, since_date))"
    assert retailer.rows(night, "suppressions", f"{others}, {plain}") == [(date(2018, 1, 1), *of_row)]
    apart = "email, email_normal, phone, phone_normal, email_or_phone, email_or_phone_normal, reason"
    addresses = ("X@example.org", "x@example.org", "2015550123", "+12015550123", "y@example.org", "y@example.org")
    assert retailer.rows(night, "suppressions_personal", f"{plain}, {apart}") == [(*of_row, *addresses, "asked")]


def test_unusable_addresses_and_unknown_channels_are_said_and_the_channel_counts_as_all(retailer):
    content = (
        "customer_id,email,phone,address,channel\n"
        "a,ann at example.org,,,sms\n,ann@example.org,123,,pigeon\n,,,12,\n,,,n/a,sms\n,,,b@example,sms\n"
    )
    counted = {"email": 1, "phone": 1, "email_or_phone": 3}
    for _ in range(2):  # the second night finds its extract staged
        retailer.deliver(NIGHT, crm_customers=PEOPLE, suppressions=content)
        night = retailer.load(NIGHT, upto=("staging", "facts"))
        assert night.table("suppressions").info["unusable_addresses"] == counted
    advice = (
        "so nobody is known by them; have them mended "
        "(LOYALTY_PHONE_REGION says where phone numbers without a country code are from)"
    )
    warnings = night_warnings(retailer.settings, night.lake.manifest(night.run_date))
    assert [line for line in warnings if line.startswith("suppressions: ")] == [
        "suppressions: 1 values of channel are none of email, sms, push, messenger, call, ads, all; "
        "they count as not given",
        f"suppressions: 1 values of email are no usable address, {advice}",
        f"suppressions: 1 values of phone are no usable address, {advice}",
        f"suppressions: 3 values of email_or_phone are no usable address, {advice}",
    ]
    found = retailer.rows(night, "suppressed_channel", "customer_id, channel")
    assert found == [("a", channel) for channel in ("ads", "call", "email", "messenger", "push", "sms")]


def test_an_address_of_the_crm_is_not_counted(retailer):
    night = load(retailer, "crm_customers", CRM + "c1,2017-01-01,none,none,\n")
    assert night.table("crm_customers").info["unusable_addresses"] == {}


@pytest.mark.parametrize(("second", "kept"), [("x", True), ("y", False)])
def test_a_list_that_has_none_of_the_last_ones_rows_is_a_warning(retailer, second, kept):
    for night, name in ((NIGHT, "x"), (NEXT, second)):
        rows = "".join(f"{name}{i}@example.org,,\n" for i in range(30))
        retailer.deliver(night, suppressions="email,phone,channel\n" + rows)
        loaded = retailer.load(night, upto=("staging", "facts"))
    checked = retailer.rows(loaded, "batch_expectation", "source, expectation, is_met")
    assert ("suppressions", "full_load_keys_lost", kept) in checked

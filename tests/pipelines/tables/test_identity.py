"""Which accounts of the CRM are joined, on what evidence, and what is listed instead."""

import pytest

from pipelines.catalog import query, read_inputs, tables
from pipelines.settings import ROOT
from pipelines.tables.identity import MOST_ACCOUNTS, merge_targets

NIGHT = "2017-12-01"
HEADER = (
    "customer_id,registered_at,name,first_name,last_name,middle_name,email,phone,birth_date,gender,"
    "merged_into_customer_id,customer_type,deleted_at"
)
MADE = frozenset({"crm_customers", "loyalty_cards", "card_move", "customer_identity"})


def account(customer_id: str, registered: str = "2017-01-01", **values: str) -> str:
    row = {"customer_id": customer_id, "registered_at": registered, **values}
    assert row.keys() <= set(HEADER.split(","))
    return ",".join(row.get(name, "") for name in HEADER.split(","))


def load(retailer, *accounts: str, night: str = NIGHT, **extracts: str):
    retailer.deliver(night, crm_customers="\n".join([HEADER, *accounts, ""]), **extracts)
    return retailer.load(night, upto=("staging", "facts"), only=MADE)


def joined(retailer, *accounts: str) -> list[tuple[str, str, str]]:
    return retailer.rows(load(retailer, *accounts), "customer_identity")


def conflicts(retailer, *accounts: str) -> list[tuple[str, str, str, int]]:
    night = load(retailer, *accounts)
    assert retailer.rows(night, "customer_identity") == []
    return retailer.rows(night, "identity_conflict", "customer_id, rule, reason, customer_count")


def test_one_email_in_two_spellings_joins_and_the_account_registered_first_remains(retailer):
    accounts = [
        account("young", "2017-02-01", email="A@Example.com "),
        account("old", "2017-01-01", email="a@example.com"),
        account("other", email="b@example.com"),
        account("nothing"),
        account("nothing_too"),
    ]
    assert joined(retailer, *accounts) == [("young", "old", "email")]


def test_equals_are_told_apart_by_the_smallest_id(retailer):
    assert joined(retailer, account("b", email="a@b.org"), account("a", email="a@b.org")) == [("b", "a", "email")]


def test_an_email_of_three_joins_nobody_and_lists_them(retailer):
    three = [account(name, email="shop@example.com") for name in ("a", "b", "c")]
    assert conflicts(retailer, *three) == [(name, "email", "shared", 3) for name in ("a", "b", "c")]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"gender": "f"}, {"gender": "m"}),
        ({"birth_date": "1980-05-05"}, {"birth_date": "1990-05-05"}),
        ({"name": "Anna Smith"}, {"name": "Bob Smith"}),
        ({"name": "Anna Smith", "first_name": "Bob", "last_name": "Smith"}, {"name": "Anna Smith"}),
    ],
)
def test_two_who_contradict_each_other_share_an_address_as_households_do(retailer, one, other):
    two = [account("a", email="home@example.com", **one), account("b", email="home@example.com", **other)]
    assert conflicts(retailer, *two) == [(name, "email", "contradicted", 2) for name in ("a", "b")]


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ({"name": "Anna  SMITH"}, {"name": "smith anna"}, True),
        ({"name": "Anna Smith"}, {"name": "Anna"}, False),
        ({"name": "Anna Smith"}, {}, False),
        ({"name": "Anna Maria Smith"}, {"first_name": "ANNA", "middle_name": "Maria", "last_name": "Smith"}, True),
        ({"birth_date": "1980-05-05"}, {"birth_date": "1980-05-05"}, True),
        ({"birth_date": "1980-05-05", "name": "Anna"}, {"birth_date": "1980-05-05"}, True),
        ({"birth_date": "1980-01-01"}, {"birth_date": "1980-01-01"}, False),
        ({"birth_date": "1893-05-05"}, {"birth_date": "1893-05-05"}, False),
        ({}, {}, False),
    ],
)
def test_a_phone_joins_only_with_a_name_or_a_believable_birth_date(retailer, one, other, is_one):
    accounts = [account("a", phone="(201) 555-0123", **one), account("b", phone="+12015550123", **other)]
    night = load(retailer, *accounts)
    assert retailer.rows(night, "customer_identity") == ([("b", "a", "phone")] if is_one else [])
    listed = [] if is_one else [("a", "unconfirmed"), ("b", "unconfirmed")]
    assert retailer.rows(night, "identity_conflict", "customer_id, reason") == listed
    outcome = "joined" if is_one else "unconfirmed"
    assert retailer.rows(night, "customer_match") == [("phone", "a", "b", outcome)]


def test_deleted_accounts_businesses_and_those_registered_later_are_nobodys_other_account(retailer):
    accounts = [
        account("a", email="a@example.com"),
        account("gone", email="a@example.com", deleted_at="2017-12-01"),
        account("firm", email="a@example.com", customer_type="business"),
        account("later", "2017-12-02", email="a@example.com"),
    ]
    assert conflicts(retailer, *accounts) == []


def test_merges_are_followed_to_the_end_and_an_account_merged_away_is_evidence_no_more(retailer):
    accounts = [
        account("a", email="a@example.com", merged_into_customer_id="b"),
        account("b", merged_into_customer_id="c"),
        account("c", "2017-03-01", email="c@example.com"),
        account("d", "2017-02-01", email="c@example.com"),
        account("e", email="a@example.com"),
        account("f", merged_into_customer_id="not_in_the_crm"),
        account("self", merged_into_customer_id="self"),
    ]
    assert joined(retailer, *accounts) == [
        ("a", "c", "merged_into"),
        ("b", "c", "merged_into"),
        ("d", "c", "email"),  # c is whom the CRM chose, though d registered first
        ("f", "not_in_the_crm", "merged_into"),
    ]


def test_a_circle_of_merges_is_listed_and_who_leads_into_it_stays(retailer):
    accounts = [account(a, merged_into_customer_id=b) for a, b in (("a", "b"), ("b", "a"), ("into", "a"))]
    assert conflicts(retailer, *accounts) == [(name, "merged_into", "circle", 2) for name in ("a", "b")]
    assert merge_targets({str(n): str(n + 1) for n in range(100)})[0]["0"] == "100"


def test_what_a_chain_links_must_fit_together(retailer):
    middle = account("b", email="x@example.com", phone="2015550123", name="Anna", birth_date="1980-05-05")
    ends = [
        account("a", email="x@example.com", gender="f"),
        account("c", phone="2015550123", name="Anna", gender="m"),
    ]
    night = load(retailer, ends[0], middle, ends[1])
    assert retailer.rows(night, "customer_identity") == []
    found = retailer.rows(night, "identity_conflict", "customer_id, rule, reason, customer_count")
    assert found == [(name, "chain", "contradicted", 3) for name in ("a", "b", "c")]
    assert [row[3] for row in retailer.rows(night, "customer_match")] == ["chain", "chain"]


@pytest.mark.parametrize("accounts", [MOST_ACCOUNTS, MOST_ACCOUNTS + 1])
def test_a_long_chain_is_listed_whole_not_joined_in_half(retailer, accounts):
    rows = []  # n and n+1 share an address: a phone and an e-mail by turns
    for n in range(accounts):
        email, phone = (n + 1) // 2, n // 2
        rows.append(account(f"c{n}", name="Ann", email=f"a{email}@example.com", phone=f"201555{100 + phone:04d}"))
    found = joined(retailer, *rows)
    assert [source for source, *_ in found] == (
        [f"c{n}" for n in range(1, accounts)] if accounts == MOST_ACCOUNTS else []
    )


def test_a_card_that_moves_joins_namesakes_for_good_and_a_third_holder_takes_it_back(retailer):
    cards = "card_id,customer_id\n"
    accounts = [account(name, name="Ann Lee") for name in ("a", "b", "c")] + [account("d", name="Bob"), account("e")]
    extracts = [
        "1,a\n2,d\n3,d\n",
        "1,b\n2,a\n3,e\n",
        "1,b\n2,a\n3,e\n",
        "1,c\n2,a\n3,e\n",
    ]
    nights = [
        load(retailer, *accounts, night=f"2017-12-0{day}", loyalty_cards=cards + extract)
        for day, extract in enumerate(extracts, start=1)
    ]
    assert [retailer.rows(night, "customer_identity") for night in nights] == [
        [],
        [("b", "a", "card")],
        [("b", "a", "card")],
        [],
    ]
    found = retailer.rows(nights[3], "identity_conflict", "customer_id, rule, reason")
    assert found == [
        ("a", "card", "contradicted"),
        ("a", "card", "shared"),
        ("b", "card", "shared"),
        ("c", "card", "shared"),
        ("d", "card", "contradicted"),
        ("d", "card", "unconfirmed"),
        ("e", "card", "unconfirmed"),
    ]


def test_what_two_rules_say_of_the_same_two_is_no_conflict_once_they_are_joined(retailer):
    accounts = [account(name, email="a@example.com", phone="2015550123") for name in ("a", "b")]
    night = load(retailer, *accounts)
    assert retailer.rows(night, "customer_identity") == [("b", "a", "email")]
    assert retailer.rows(night, "identity_conflict") == []


STEPS = ("address", "evidence", "joinable_account", "shared_evidence", "lower_name", "account_profile")


@pytest.mark.parametrize("path", sorted((ROOT / "sql" / "identity").glob("*.sql")), ids=lambda path: path.stem)
def test_the_selects_read_what_the_catalog_says_and_one_another(path):
    read, history, replaced = read_inputs(query(f"identity/{path.stem}"))
    assert {*read} <= {*tables()["customer_identity"].inputs, *STEPS}
    assert history == replaced == ()

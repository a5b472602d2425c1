"""An address is normalised as the libraries do it, or it is none."""

from collections.abc import Callable
from typing import Any

import duckdb
import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, given
from hypothesis import strategies as st

from pipelines.intake.addresses import (
    ascii_email,
    normal_email,
    normal_phone,
    phone_country,
    recipe,
    register_functions,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" Ann.Lee+shop@Example.ORG ", "ann.lee+shop@example.org"),
        ("o'neil@example.org", "o'neil@example.org"),
        ("ann@bücher.example.org", "ann@bücher.example.org"),
        ("ann@example", None),
        ("ann@-example.org", None),
        ("ann..lee@example.org", None),
        ("ann@lee@example.org", None),
        ("=ann@example.org", None),
        *[
            (marked, "ann@example.org")
            for marked in ("mailto:ann@example.org", "'ann@example.org", " MailTo: Ann@example.org")
        ],
        *[(hidden, "ann@example.org") for hidden in ("ann@example.org\ufeff", "\u200eann@exam\u200bple.org\u00a0")],
        ("mailto:=ann@example.org", None),
        ("ann@example.org;lee@example.org", None),
        ("", None),
    ],
)
def test_an_email_is_normalised_or_none(value: str, expected: str | None) -> None:
    assert normal_email(value) == expected


def library_email(value: str) -> str | None:
    try:
        return validate_email(value, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


PART = st.text("abz09._+-'é", max_size=8)


@given(PART, st.one_of(PART, st.sampled_from(["example.org", "a-b.co.uk", "xn--bcher-kva.org", "x.test", "1.2.3.4"])))
def test_the_fast_path_for_emails_agrees_with_the_library(local: str, domain: str) -> None:
    address = f"{local}@{domain}"
    if not address.startswith(("+", "-", "@", "'")):
        assert normal_email(address) == library_email(address.lower())


@pytest.mark.parametrize(
    ("value", "region", "expected"),
    [
        ("(201) 555-0123", "US", "+12015550123"),
        ("1-201-555-0123", "US", "+12015550123"),
        ("201.555.0123", "US", "+12015550123"),
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("8 (912) 345-67-89", "RU", "+79123456789"),
        ("0171 1234567", "DE", "+491711234567"),
        ("+49 (0)171 1234567", "DE", "+491711234567"),
        ("1234", "US", None),
        ("3012345678.0", "DE", "+493012345678"),
        ("491711234567.00", "DE", "+491711234567"),
        ("+12015550123.0", "US", "+12015550123"),
        ("12345678,0", "AT", "+4312345678"),
        ("030.12345678", "DE", "+493012345678"),
        ("49 1711234567", "DE", "+491711234567"),
        ("0491 711234567", "DE", "+49491711234567"),
        ("491 71123", "DE", "+4949171123"),
        ("4.91711E+11", "DE", None),
        ("+1 201 555", "US", None),
        ("n/a", "US", None),
        ("", "US", None),
    ],
)
def test_a_phone_is_normalised_or_none(value: str, region: str, expected: str | None) -> None:
    assert normal_phone(value, region) == expected


def library_phone(value: str, region: str) -> str | None:
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@st.composite
def spelled_phones(draw: Callable[..., Any]) -> tuple[str, str]:
    """A region, and a number of it with some digits changed, spelled in one of many ways."""
    region = draw(st.sampled_from(["US", "RU", "DE", "GB", "FR", "IT", "BR", "FI", "KZ", "CA", "HU", "MX", "IN"]))
    kind = draw(st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE]))
    example = phonenumbers.example_number_for_type(region, kind)
    digits = list(phonenumbers.national_significant_number(example))
    for place in draw(st.lists(st.integers(0, len(digits) - 1), max_size=4)):
        digits[place] = draw(st.sampled_from("0123456789"))
    for place in draw(st.lists(st.integers(0, len(digits)), max_size=3)):
        digits.insert(place, draw(st.sampled_from([" ", "-", "(", ")", ") ", "1"])))
    code = str(example.country_code)
    start = draw(st.sampled_from(["", f"+{code}", f"+{code} ", code, "0", "8", "1", f"00{code}", f"+{code}0", "(0)"]))
    return region, start + "".join(digits)


@given(spelled_phones())
def test_the_fast_path_for_phones_agrees_with_the_library(spelled: tuple[str, str]) -> None:
    region, value = spelled
    assume(region != "DE" or not value.startswith("49"))  # which the library takes for a town's number
    assert normal_phone(value, region) == library_phone(value, region)


def test_a_column_of_any_length_is_normalised_row_by_row_with_null_where_there_is_no_address() -> None:
    with duckdb.connect() as con:
        register_functions(con, "DE")
        rows = con.execute("""
            SELECT i, normal_email(email), normal_phone(phone) FROM (
                SELECT i, CASE i % 3 WHEN 0 THEN 'Ann' || i || '@Example.org' WHEN 1 THEN 'nobody' END AS email,
                    CASE i % 2 WHEN 0 THEN '0171 123' || (1000 + i % 50) END AS phone
                FROM range(5000) AS t (i)
            ) ORDER BY i""").fetchall()
    assert rows == [
        (i, f"ann{i}@example.org" if i % 3 == 0 else None, f"+49171123{1000 + i % 50}" if i % 2 == 0 else None)
        for i in range(5000)
    ]


@pytest.mark.parametrize(
    ("phone", "country"),
    [
        ("+12015550123", "US"),
        ("+14165550123", "CA"),
        ("+74951234567", "RU"),
        ("+77011234567", "KZ"),
        ("+390669812345", "VA"),
        ("+390612345678", "IT"),
        ("+4930123456", "DE"),
        ("+38344123456", None),
        ("+80012345678", None),
    ],
)
def test_a_phones_country_is_one_of_iso_3166_as_the_library_says(phone: str, country: str | None) -> None:
    assert phone_country(phone) == country
    found = phonenumbers.region_code_for_number(phonenumbers.parse(phone))
    assert country == (None if found in ("XK", "001") else found)


def test_an_email_domain_is_written_in_ascii_and_the_local_part_stays() -> None:
    given = ["ann@example.org", "иван@почта.рф", "ann", "ann@\u0301.рф"]
    assert [*map(ascii_email, given)] == ["ann@example.org", "иван@xn--80a1acny.xn--p1ai", "ann", "ann@\u0301.рф"]


def test_the_recipe_names_region_and_libraries() -> None:
    region, *libraries = recipe("DE")
    assert (region, [library.split()[0] for library in libraries]) == ("DE", ["email-validator", "phonenumbers"])

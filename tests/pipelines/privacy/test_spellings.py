"""How a phone and a name may be written: both readers find each spelling, and not what only looks like one."""

import unicodedata

import duckdb
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat

from pipelines.privacy.person import Person
from pipelines.privacy.spellings import family_and_given, is_long_number, parts_of_name
from pipelines.settings import NameOrder


def found(person: Person, text: str) -> bool:
    """What Python's and DuckDB's readers find, who must agree; the hint in bytes may not miss it."""
    in_python = person.pattern.search(text) is not None
    in_sql = duckdb.execute(f"SELECT {person.has_text('$1')}", [text]).fetchall() == [(True,)]
    assert in_python == in_sql
    assert person.may_be_in(text.encode()) or not in_python
    return in_python


def phone(number: str) -> Person:
    return Person(frozenset({"1"}), phones=frozenset({number}))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("+12015550005", "call 2015550005 or write"),
        ("+12015550005", "201-555-0005"),
        ("+12015550005", "(201) 555-0005."),
        ("+12015550005", "tel:+1-201-555-0005"),
        ("+12015550005", "1.201.555.0005"),
        ("+12015550005", "011 1 201 555 0005"),
        ("+12015550005", "Store 5 (201) 555-0005x12"),
        ("+12015550005", "01.02.2024 2015550005"),
        ("+12015550005", "201\u00a0555\u202f0005"),
        ("+12015550005", "<b>201&nbsp;555&nbsp;0005</b>"),
        ("+12015550005", "201 \u2013 555 \u2013 0005"),
        ("+12015550005", "\u260e2015550005"),
        ("+79271234567", "8 (927) 123-45-67"),
        ("+79271234567", "89271234567"),
        ("+79271234567", "+7 927 1234567"),
        ("+442079460018", "020 7946 0018"),
        ("+442079460018", "+44 (0)20 7946 0018"),
        ("+442079460018", "0044 20 7946 0018"),
        ("+4930123456", "030/123456"),
        ("+4930123456", "+49 (30) 123456"),
        ("+5491123456789", "011 15-2345-6789"),
        ("+5491123456789", "+54 9 11 2345 6789"),
    ],
)
def test_a_phone_is_found_in_national_and_international_form(number, text):
    assert found(phone(number), text)


@pytest.mark.parametrize(
    "text",
    [
        "12015550005123",
        "92015550005",
        "20155500051",
        "R2015550005",
        "2015550005-2",
        "99-2015550005",
        "0.2015550005",
        "a2015550005f",
        "+91 2015550005",
        "201 555 000",
        "2015550006",
        "201,555,0005",
    ],
)
def test_digits_inside_a_longer_number_or_another_countrys_number_are_not_the_phone(text):
    assert not found(phone("+12015550005"), text)


_REGIONS = ("US", "RU", "DE", "GB", "FR", "IT", "KZ", "BR", "IN", "JP", "PL", "TR")
_EXAMPLES = [
    number
    for region in _REGIONS
    for kind in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    if (number := phonenumbers.example_number_for_type(region, kind))
]


@settings(deadline=None)
@given(
    number=st.sampled_from(_EXAMPLES),
    form=st.sampled_from([PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164]),
    mark=st.sampled_from([None, "", " ", "-", ".", "\u00a0", "\u2009", "\u2013", " - "]),
    before=st.sampled_from(["", "call ", "tel: ", "(", "7 pieces, ", "тел. ", '{"a":"']),
    after=st.sampled_from(["", " or", ".", ", 5", ")", '"}', "\n"]),
)
def test_a_phone_is_found_as_its_countrys_people_write_it(number, form, mark, before, after):
    written = phonenumbers.format_number(number, form)
    if mark is not None:
        written = "".join(mark if letter in " -" else letter for letter in written)
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    assert found(phone(e164), before + written + after)


def test_a_short_number_or_one_like_a_date_needs_its_code_before_it():
    assert not is_long_number("5551234")
    assert not is_long_number("20151231")
    danish = phone("+4520151231")
    assert not found(danish, "since 2015-12-31")
    assert found(danish, "+45 20 15 12 31")


def name(text: str, order: NameOrder = "last_first") -> Person:
    return Person(frozenset({"1"}), names=frozenset(parts_of_name(*family_and_given(text, order))))


_ANNA = "Иванова Анна Петровна"


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 2), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize("case", [str, str.upper, str.lower])
@pytest.mark.parametrize("gap", [" ", ", ", "\u00a0", " \u2013 "])
def test_a_name_is_found_in_any_order_and_case_with_or_without_the_middle_name(order, case, gap):
    words = _ANNA.split()
    assert found(name(_ANNA), case(gap.join(words[i] for i in order)))


def test_a_first_name_with_a_patronymic_or_inside_longer_words_is_not_the_person():
    family, first, patronymic = _ANNA.split()
    assert not found(name(_ANNA), f"{first} {patronymic}")
    assert not found(name(_ANNA), f"{family} Ж{first.lower()}")
    assert not found(name(_ANNA), f"{family}тина {first}")
    assert not found(name(_ANNA), first)
    assert name("Ann").names == set()


def test_a_name_is_found_composed_and_decomposed_and_with_any_apostrophe():
    jose = name("Jos\u00e9 O'Neill")
    assert found(jose, unicodedata.normalize("NFD", "O\u2019NEILL, JOS\u00c9"))
    assert found(name(unicodedata.normalize("NFD", "Jos\u00e9 O'Neill")), "jos\u00e9 o&#x27;neill")


@pytest.mark.parametrize(
    ("full", "text"),
    [
        ("\u0130pek Y\u0131lmaz", "\u0130PEK YILMAZ"),
        ("\u0130PEK YILMAZ", "ipek y\u0131lmaz"),
        ("\u0130pek Y\u0131lmaz", "Yilmaz, I\u0307pek"),
        ("Γιώργος Παππάς", "ΠΑΠΠΆΣ ΓΙΏΡΓΟΣ"),
        ("Anna-Maria Schmidt-Müller", "SCHMIDT\u2011MÜLLER, Anna Maria"),
        ("Иванов Пётр", "ИВАНОВ ПЕТР"),
    ],
)
def test_a_name_is_found_with_letters_that_stand_for_one_another(full, text):
    assert found(name(full), text)


@pytest.mark.parametrize(
    ("order", "full", "text", "other"),
    [
        ("first_last", "Ann van der Lee", "van der Lee, Ann", "van der Lee"),
        ("first_last", "Ann van der Lee", "Ann Lee", "Lee, van der"),
        ("last_first", "van Lee Ann", "Ann van Lee", "van Lee"),
        ("first_last", "Dr. Ann M. Lee", "Lee Ann", "Dr. Lee"),
        ("first_last", "Ann J.R. Lee", "Lee Ann", "Lee, J.R."),
        ("last_first", "Рабинович Анна Петровна", "Анна Рабинович", "Анна Петровна"),
        ("first_last", "Иванов Пётр Ильич", "Пётр Иванов", "Пётр Ильич"),
        ("last_first", "Вагиф Самед оглы Алиев", "Вагиф Алиев", "Самед оглы"),
        ("first_last", "Mary Ann Rabinovich", "Rabinovich, Ann", "Mary Ann"),
    ],
)
def test_a_title_an_initial_or_a_particle_is_no_given_name(order, full, text, other):
    assert found(name(full, order), text)
    assert not found(name(full, order), other)


@pytest.mark.parametrize(
    ("order", "text", "is_found"),
    [
        ("first_last", "Lee, Ann", True),
        ("first_last", "Marie Lee", True),
        ("first_last", "Ann Marie", False),
        ("last_first", "Ann Marie", True),
        ("last_first", "Marie Lee", False),
    ],
)
def test_a_full_names_family_name_stands_where_the_setting_says(order, text, is_found):
    assert found(name("Ann Marie Lee", order), text) == is_found


@pytest.mark.parametrize("order", ["first_last", "last_first"])
@pytest.mark.parametrize(
    ("full", "text", "other"),
    [
        ("van der Lee, Ann Marie", "Ann van der Lee", "Ann Marie van der"),
        ("van der Lee, Ann Marie", "Ann Marie van der Lee", "Lee Ann"),
        ("Lee, Ann Marie", "LEE Marie", "Ann Marie"),
        ("Иванова Анна Петровна", "Анна Иванова", "Анна Петровна"),
        ("Анна Петровна Иванова,", "Анна Петровна Иванова", "Анна Петровна"),
    ],
)
def test_before_a_comma_is_the_family_name_and_a_patronymic_is_none(order, full, text, other):
    assert found(name(full, order), text)
    assert not found(name(full, order), other)

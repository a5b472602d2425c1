"""Addresses: e-mail addresses and phone numbers in one normal form, which tools accept and which can be compared.

The libraries email-validator and phonenumbers decide what an address is. They are slow, so plain addresses, which are
most, are recognised by patterns that agree with the libraries.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from importlib.metadata import version

import duckdb
import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE as _REGIONS
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumber, PhoneNumberFormat, PhoneNumberType

from pipelines.intake.column_wise import add_function

phonenumbers.enable_pattern_cache()


# The columns whose addresses are normalised; the normal form is in the column <name>_normal.
NORMALISED = ("email", "phone", "email_or_phone")
_MARKS_OF_EMAIL = re.compile(r"^(?:mailto:|')\s*")  # of a link, and of a spreadsheet's text
_PLAIN_EMAIL = re.compile(r"([a-z0-9_]+(?:[.+-][a-z0-9_]+)*)@([a-z0-9.-]+)", re.ASCII)


def _library_email(value: str) -> str | None:
    try:
        return validate_email(value, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return None


@cache
def _is_plain_domain(domain: str) -> bool:
    return _library_email(f"a@{domain}") == f"a@{domain}"


def normal_email(value: str) -> str | None:
    """An e-mail address in lower case as email-validator normalises it; None if it is invalid.

    Not of the address are invisible characters, mailto: and an apostrophe before it, and blanks around it.
    An address that a spreadsheet would take for a formula (`=a@b.org`) is invalid here: it can't be made harmless and
    stay an address. Most addresses are plain ASCII at a known domain; the library would change nothing in them.
    """
    visible = value if value.isascii() else "".join(c for c in value if unicodedata.category(c) != "Cf")
    lower = _MARKS_OF_EMAIL.sub("", visible.strip().lower())
    plain = _PLAIN_EMAIL.fullmatch(lower)
    if plain and len(plain[1]) <= 64 and len(lower) <= 254 and _is_plain_domain(plain[2]):
        return lower
    return None if lower.startswith(("=", "+", "-", "@")) else _library_email(lower)


@cache
def _home_numbers(region: str) -> tuple[str, re.Pattern[str]] | None:
    """The region's country code, and what its ordinary numbers look like when only digits and + are left.

    The pattern is made of the library's own and is narrower: a number that could be read in two ways (it may start with
    a trunk prefix, a country code or an exit code) doesn't match. None for a region that shares its country code with
    the region that the code mainly belongs to.
    """
    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.general_desc is None or metadata.country_code is None:
        return None
    code, trunk, out = metadata.country_code, metadata.national_prefix_for_parsing, metadata.international_prefix
    if _REGIONS[code][0] != region:
        return None
    kinds = []
    for kind in (metadata.fixed_line, metadata.mobile):
        if kind and kind.national_number_pattern:
            lengths = kind.possible_length or metadata.general_desc.possible_length
            kinds += [rf"(?=\d{{{length}}}$)(?:{kind.national_number_pattern})" for length in lengths if length > 0]
    general, leading = metadata.general_desc.national_number_pattern, metadata.leading_digits or ""
    ambiguous = "|".join(filter(None, ("0", str(code), trunk, out)))
    number = rf"(?!{ambiguous})(?={leading})(?=(?:{general})$)(?:{'|'.join(kinds)})"
    written = rf"\+{code}|{trunk}" if trunk and trunk.isdigit() else rf"\+{code}"
    exit_code = rf"(?!{out})" if out else ""
    return f"+{code}", re.compile(rf"{exit_code}(?:{written})?(?P<number>{number})", re.ASCII)


# A float's trace after a phone number: the library would read 3012345678.0 as 30123456780, another person's phone.
_TRACE_OF_FLOAT = re.compile(r"(\s*\+?[0-9]{5,})[.,]0{1,2}\s*", re.ASCII)
_SPACING = str.maketrans("", "", " ()-")


@cache
def _fewest_mobile_digits(region: str) -> int:
    """How many digits an ordinary mobile number has, less one: in Germany there are those of 10 and of 11."""
    example = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    return len(str(example.national_number)) - 1 if example else 100


def _with_country_code(value: str, region: str) -> PhoneNumber | None:
    """A mobile number of the region that has its country code in front without a plus; None if it is another.

    German numbers are of any length: the library takes 49171 1234567 for 0491 711234567, a telephone in Emden.
    """
    digits, code = value.translate(_SPACING).strip(), str(phonenumbers.country_code_for_region(region))
    if not (digits.isascii() and digits.isdigit() and digits.startswith(code)):
        return None
    if len(digits) < len(code) + _fewest_mobile_digits(region):  # 358 446935 is a whole Finnish number without the code
        return None
    number = phonenumbers.parse(f"+{digits}", None)
    return number if phonenumbers.number_type(number) == PhoneNumberType.MOBILE else None


def normal_phone(value: str, region: str) -> str | None:
    """A phone number in E.164 if phonenumbers finds it valid, else None.

    The library needs some 40 µs a number; the patterns for ordinary numbers of the home region need some 2 µs.
    """
    if without_trace := _TRACE_OF_FLOAT.fullmatch(value):
        value = without_trace[1]
    home = _home_numbers(region)
    plain = home and home[1].fullmatch(value.translate(_SPACING))
    if home and plain:
        return home[0] + plain["number"]
    try:
        number = _with_country_code(value, region) or phonenumbers.parse(value, region)
    except NumberParseException:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else None


def address_kind(value: str) -> str:
    """Whether an address is an email or a phone, whose column does not say it."""
    return "email" if "@" in value else "phone"


def normal_address(value: str, region: str) -> str | None:
    """An address of either kind in its normal form; None if it is invalid."""
    return normal_email(value) if address_kind(value) == "email" else normal_phone(value, region)


# ISO 3166-1 alpha-2, of countries with phones: the regions of phonenumbers, less those whose codes are not in the
# standard (Ascension, Tristan da Cunha, Kosovo).
COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS) - {"AC", "TA", "XK"}


def phone_country(phone: str) -> str | None:
    """The country of a valid phone number in E.164, in ISO 3166-1 alpha-2; None if the number belongs to none.

    Parts the number by itself: the library's parser takes twice as long as all the rest.
    """
    split = next((end for end in (2, 3, 4) if int(phone[1:end]) in _REGIONS), 0)  # a country code begins no other
    if not split:
        return None
    code, rest = int(phone[1:split]), phone[split:]
    found: str | None = _REGIONS[code][0]
    if len(_REGIONS[code]) > 1:
        number = PhoneNumber(code, int(rest), italian_leading_zero=rest.startswith("0"))
        found = phonenumbers.region_code_for_number(number)
    return found if found in COUNTRIES else None


def ascii_email(email: str) -> str:
    """An e-mail address with its domain in ASCII (punycode); what is no address stays as it is."""
    local, at, domain = email.rpartition("@")
    if not at or domain.isascii():
        return email
    try:
        return f"{local}@{validate_email(f'a@{domain}', check_deliverability=False).ascii_domain}"
    except EmailNotValidError:
        return email


def register_functions(connection: duckdb.DuckDBPyConnection, region: str) -> None:
    """Add normal_<column>(text) to SQL for the columns NORMALISED, for phones of `region`; NULL if it is unusable."""
    functions: dict[str, Callable[[str], str | None]] = {
        "email": normal_email,
        "phone": lambda value: normal_phone(value, region),
        "email_or_phone": lambda value: normal_address(value, region),
    }
    for name in NORMALISED:
        add_function(connection, f"normal_{name}", functions[name])


def register_file_functions(connection: duckdb.DuckDBPyConnection) -> None:
    """Add phone_country(text) and ascii_email(text) to SQL, for normalised addresses, unless they are there."""
    known = "SELECT 1 FROM duckdb_functions() WHERE function_name = 'phone_country'"
    if not connection.execute(known).fetchone():
        add_function(connection, "phone_country", phone_country)
        add_function(connection, "ascii_email", ascii_email)


def recipe(region: str) -> list[str]:
    """What decides on how an address is normalised, besides the address itself."""
    return [region, *(f"{library} {version(library)}" for library in ("email-validator", "phonenumbers"))]

"""Addresses: e-mail addresses and phone numbers in one normal form, which tools accept and which can be compared.

The libraries email-validator and phonenumbers decide what an address is. They are slow, so plain addresses, which are
most, are recognised by patterns that agree with the libraries.
"""

import re
from functools import cache
from importlib.metadata import version

import duckdb
import phonenumbers
from duckdb.func import FunctionNullHandling, PythonUDFType
from email_validator import EmailNotValidError, validate_email
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberFormat

from pipelines.intake.column_wise import column_wise

phonenumbers.enable_pattern_cache()


# The columns whose addresses are normalised; the normal form is in the column <name>_normal.
NORMALISED = ("email", "phone")
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

    An address that a spreadsheet would take for a formula (`=a@b.org`) is invalid here: it can't be made harmless and
    stay an address. Most addresses are plain ASCII at a known domain; the library would change nothing in them.
    """
    lower = value.strip().lower()
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
    if COUNTRY_CODE_TO_REGION_CODE[code][0] != region:
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


_SPACING = str.maketrans("", "", " ()-")


def normal_phone(value: str, region: str) -> str | None:
    """A phone number in E.164 if phonenumbers finds it valid, else None.

    The library needs some 40 µs a number; the patterns for ordinary numbers of the home region need some 2 µs.
    """
    home = _home_numbers(region)
    plain = home and home[1].fullmatch(value.translate(_SPACING))
    if home and plain:
        return home[0] + plain["number"]
    try:
        number = phonenumbers.parse(value, region)
    except NumberParseException:
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if phonenumbers.is_valid_number(number) else None


def register_functions(connection: duckdb.DuckDBPyConnection, region: str) -> None:
    """Add normal_email(text) and normal_phone(text) to SQL, for phones of `region`; an unusable address gives NULL."""
    functions = {"email": normal_email, "phone": lambda value: normal_phone(value, region)}
    for name in NORMALISED:
        connection.create_function(
            f"normal_{name}",
            column_wise(functions[name]),
            ["VARCHAR"],
            "VARCHAR",
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def recipe(region: str) -> list[str]:
    """What decides on how an address is normalised, besides the address itself."""
    return [region, *(f"{library} {version(library)}" for library in ("email-validator", "phonenumbers"))]

"""What a single value looks like: a number, a date, an address, nothing. Shapes have 9 for every digit."""

import re

from pipelines.dialect import NULL_VALUES, SPACES

NULL_WORDS = frozenset(value.lower() for value in NULL_VALUES)

_SPACE = f"[{SPACES}]"
CURRENCY = (
    r"(?:[$€£¥₽₴₸₺₹₪₩₫฿]|US\$|R\$|CHF|Kč|kč|zł|z\u0142|kr\.?|Ft|lei|лв\.?|руб\.?|р\.|тг\.?|тенге|грн\.?|сом|"
    r"[A-Z]{3})"
)
_CURRENCY_AROUND = re.compile(rf"^\(?(?P<sign>[-+\u2212]?){_SPACE}*(?P<before>{CURRENCY})?{_SPACE}*(?P<rest>.*?)"
                              rf"{_SPACE}*(?P<after>{CURRENCY})?\)?%?$")  # fmt: skip
NUMBER = re.compile(
    rf"[-+\u2212]?(?:\d+|\d{{1,3}}(?:[.,'\u2019]\d{{3}})+|\d{{1,3}}(?:{_SPACE}\d{{3}})+|\d{{1,2}}(?:,\d{{2}})+,\d{{3}})?"
    rf"(?:[.,]\d*)?(?:[eE][-+]?\d+)?-?"
)
DATE = re.compile(r"(\d{1,4})([-./])(\d{1,2})\2(\d{1,4})(?![\d./-]*[./]\d)(?P<time>.*)")
TIME = re.compile(
    r"(?:,?[T ]\s*|\s+)(?P<hour>\d{1,2})[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*"
    r"(?P<offset>Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)?(?P<zone>\s+[A-Z]{3,4})?"
)
EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]{2,}")
PHONE = re.compile(r"\+?\(?\d[\d\s().\u00a0-]{7,18}\d")
PERSON = re.compile(r"[^\W\d_][\w'’.-]*(?:,? [^\W\d_][\w'’.-]*){1,3}")
WORDS_OF_MONTHS = re.compile(
    r"\d{1,2}[ .-](?:[A-Za-z]{3,9}|[а-яіїє]{3,9})[ .,-]+\d{2,4}.*|[A-Z][a-z]{2,8}\.? \d{1,2},? \d{4}.*"
)
# Of these, what an expression can read: English months and years of four digits. RE2 reads the patterns as well; the
# groups are month, day, year and rest, or day, month, year and rest.
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = f"(?i:({'|'.join(MONTHS)})[a-z]*)"
MONTH_FIRST = rf"^\s*{_MONTH}\.? (\d{{1,2}}),? (\d{{4}}),?(.*)$"
DAY_FIRST = rf"^\s*(\d{{1,2}})[ -]{_MONTH}[., -]+(\d{{4}}),?(.*)$"


# Codes of currencies by ISO 4217, and RUR, which Russian systems still write.
CODES = frozenset(
    re.findall(
        "[A-Z]{3}",
        "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
        "CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ "
        "GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR "
        "LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN "
        "PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB "
        "TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL RUR",
    )
)


def said(value: object) -> str:
    """A value in quotes as people can see it: a no-break space is shown as a sign of its own."""
    text = str(value).strip("\r\n").translate({0xA0: "⍽", 0x202F: "⍽", 0x2009: "⍽", 0x2007: "⍽"})
    return "'" + "".join(char if char.isprintable() else "·" for char in text)[:60] + "'"


def is_empty(value: str) -> bool:
    return not value.strip() or value.strip().lower() in NULL_WORDS


def without_currency(text: str) -> tuple[str, str | None]:
    """A number's text without what stands around it, and the currency that it names, if any."""
    text = text.strip()
    if text[:1].isdigit() and text[-1:].isdigit():
        return text, None
    found = _CURRENCY_AROUND.match(text)
    if not found or any(re.fullmatch("[A-Z]{3}", word or "") and word not in CODES for word in found.group(2, 4)):
        return text, None
    return found["sign"] + found["rest"], found["before"] or found["after"]


def is_number(text: str) -> bool:
    bare, _ = without_currency(text)
    return any(char.isdigit() for char in bare) and NUMBER.fullmatch(bare) is not None


def is_date(text: str) -> bool:
    """Whether a text is a date of digits, with or without a time."""
    found = DATE.fullmatch(text.strip())
    if not found:
        return False
    first, last = len(found[1]), len(found[4])
    if sorted((first, last)) not in ([1, 4], [2, 2], [2, 4]) and (first, last) != (1, 2):
        return False
    rest = found["time"].rstrip()
    return not rest or TIME.fullmatch(rest) is not None or re.fullmatch(r"Z|[+-]\d{2}:\d{2}", rest) is not None


def is_data(value: str) -> bool:
    """Whether a value can hardly be a header's: a number, a date, an address."""
    return is_number(value) or is_date(value) or EMAIL.fullmatch(value.strip()) is not None

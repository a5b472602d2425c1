"""How a person's phone numbers and names may be written in a text, as patterns.

A regular expression is made for two readers: Python's `re` and RE2, which DuckDB has. Both take the same one but for
the class of letters, so RE2's lack of look-arounds holds for both: what stands around a text is matched with it, and
the text itself is a group. Hints (bytes, and SQL's LIKE) find the places that are worth a closer look, at a tenth of
the cost.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from itertools import permutations

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat

from pipelines.settings import NameOrder

Words = tuple[str, ...]

# Fewer digits (or eight that read as a date) are found in much that is no phone number: then only with a code before.
SHORTEST_NUMBER = 8
SHORTEST_NAME = 4  # letters of the words together; privacy/erase.py says so

PYTHON_WORD = r"\w"
RE2_WORD = r"\p{L}\p{M}\p{N}_"
_ENTITIES = r"&nbsp;|&#160;|&#xa0;|\\u00a0"  # no-break spaces in HTML and JSON
_NO_BREAK = "\u00a0"
# What may stand between two digits of one number: blanks and punctuation, but no mark that parts two values. The class
# is short since RE2 needs a tenth of a second to compile the pattern with one of all that is no letter.
_GAP_MARKS = (
    r" !#$%*./\\^_`~()\-"
    "\u00a0\u00ad\u00b7\u2000-\u2015\u2022\u202f\u205f\u2060\u2212\u3000\ufeff"
)  # fmt: skip
_GAP = rf"(?:[{_GAP_MARKS}]|{_ENTITIES})"
_HINTED_GAP = rb"(?:[^0-9a-z]{0,12}|&nbsp;|&#160;|&#xa0;|\\u00a0)"
_EXIT_CODES = r"\+|00|0011|011|010|8~?10"
# Written in Latin letters, "vich" ends as many family names as patronymics.
_PATRONYMIC = re.compile(r".+(?:ич|вна|чна|vna|chna)|.*(?:оглы|кызы|ogly|kyzy)")
_NO_GIVEN_NAME = re.compile(
    rf"{_PATRONYMIC.pattern}|.+vich|\w(?:\.\w)*|mr|mrs|ms|miss|dr|prof|sir|herr|frau|mme|mlle|sra?|jr"
)
_PARTICLE = re.compile(r"a[flv]|bin|d[aeiou]|das|dos|del|della|de[nr]|el|l[ae]|te[nr]|v[ao]n|zu[mr]?")
# What may stand for a letter, beside its capital and its decomposed form.
_SAME = {
    "'": ("\u2019", "\u02bc", "`", "&#x27;", "&#39;"),
    "-": ("\u2010", "\u2011", "\u2013", " "),
    "\u0435": ("\u0451",),  # the Russian yo
    "i": ("\u0131", "\u0130"),  # the Turkish i, which has its dot in capitals too, and the one that never has it
    "\u03c3": ("\u03c2",),  # the Greek sigma, and the one that ends a word
}
_FOLDED = str.maketrans({other: one for one, others in _SAME.items() for other in others if len(other.strip()) == 1})


# --- phone numbers ---


def _digits(text: str) -> str:
    return "".join(re.findall("[0-9]", unicodedata.normalize("NFKC", text)))


def _reads_as_date(digits: str) -> bool:
    for year, month, day in ((slice(4), slice(4, 6), slice(6, 8)), (slice(4, 8), slice(2, 4), slice(2)),
                             (slice(4, 8), slice(2), slice(2, 4))):  # fmt: skip
        try:
            if 1900 <= date(int(digits[year]), int(digits[month]), int(digits[day])).year <= 2100:
                return True
        except ValueError:
            continue
    return False


def is_long_number(digits: str) -> bool:
    """Whether a number without a code before it can hardly be anything but this phone."""
    return len(digits) >= SHORTEST_NUMBER and not (len(digits) == SHORTEST_NUMBER and _reads_as_date(digits))


def _forms(phone: str) -> tuple[str, set[str], set[str]]:
    """The country code, the trunk prefixes and the national digits of a phone; an invalid one has its digits alone."""
    try:
        number = phonenumbers.parse(phone, None) if phone.startswith("+") else None
    except NumberParseException:
        number = None
    if number is None:
        return "", set(), {_digits(phone)}
    own = phonenumbers.national_significant_number(number)
    metadata = PhoneMetadata.metadata_for_region(phonenumbers.region_code_for_number(number) or "")
    trunks = {metadata.national_prefix} if metadata and metadata.national_prefix else set()
    written, numbers = _digits(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)), {own}
    if written.endswith(own):
        trunks |= {written.removesuffix(own)}
    else:  # Argentina writes 011 15-2345-6789 for +54 9 11 2345 6789
        numbers |= {written.removeprefix(trunk) for trunk in trunks} or {written}
    return str(number.country_code), trunks - {""}, numbers


def national_numbers(phone: str) -> list[str]:
    """The digits of a phone without any code: each spelling has one of these."""
    return sorted(_forms(phone)[2])


def phone_regex(phone: str, word: str) -> str:
    """A phone in E.164 (or the digits of one that is invalid) however it is written; empty if it is too short."""
    code, trunks, numbers = _forms(phone)
    found = []
    for digits in sorted(numbers):
        spaced = f"{_GAP}{{0,4}}".join(digits)
        before = [f"{trunk}{_GAP}{{0,4}}" for trunk in sorted(trunks) if len(trunk + digits) >= SHORTEST_NUMBER]
        if code:
            inner = f"(?:(?:{'|'.join(sorted({'0', *trunks}))}){_GAP}{{1,4}})?"  # +44 (0)20 ...
            before.append(f"(?:(?:{_EXIT_CODES}){_GAP}{{0,2}})?{code}{_GAP}{{0,4}}{inner}")
        optional = "?" if is_long_number(digits) else ""
        if before:
            found.append(f"(?:{'|'.join(before)}){optional}{spaced}")
        elif optional:
            found.append(spaced)
    if not found:
        return ""
    # No digit comes before, and no digit and a gap either: then these are the last digits of a longer number. Only a
    # blank may part two numbers, unless the first is the code of another country.
    start = (
        rf"(?:^|[^{word}+{_GAP_MARKS}]|(?:^|[^0-9+]){_GAP}+|(?:^|[^+0-9])[0-9]+[ {_NO_BREAK}]+\(?)"
    )  # fmt: skip
    # A spreadsheet may have made a fraction of it: 2015550005.0
    end = rf"(?:$|[^{word}.\-]|[.\-](?:$|[^0-9])|\.0+(?:$|[^{word}.])|[xX][0-9])"
    return f"{start}({'|'.join(found)}){end}"


def bare_numbers(phone: str) -> set[str]:
    """A phone as a whole number, with its country code and without: what a column of numbers makes of it."""
    code, _, numbers = _forms(phone)
    found = {f"{code}{digits}" for digits in numbers} | set(filter(is_long_number, numbers))
    return {digits.lstrip("0") for digits in found if is_long_number(digits)}


def is_searchable(phone: str) -> bool:
    """Whether a phone has a spelling that can hardly be anything but this phone."""
    return bool(phone_regex(phone, PYTHON_WORD))


def phone_hint(phone: str) -> list[bytes]:
    """Bytes, one of which every spelling of a phone has."""
    return [_HINTED_GAP.join(bytes([digit]) for digit in digits.encode()) for digits in national_numbers(phone)]


def phone_likes(phone: str) -> list[str]:
    """Patterns of SQL's LIKE, one of which every spelling of a phone meets: its digits in their order."""
    return [f"%{'%'.join(digits)}%" for digits in national_numbers(phone)]


# --- names ---


def words_of(name: str) -> Words:
    """A name's words in lower case, composed (NFC), without the punctuation around them.

    Of letters that may stand for one another (_SAME) there is always the same one.
    """
    lower = unicodedata.normalize("NFC", name).lower().replace("i\u0307", "i")  # which is the Turkish capital's
    words = lower.translate(_FOLDED).replace(",", " ").split()
    stripped = (word.strip(".;:()\"'") for word in words)
    return tuple(word for word in stripped if any(map(str.isalpha, word)))


def family_and_given(name: str, order: NameOrder) -> tuple[Words, Words]:
    """The words of the family name in a full name, and the others.

    By the rule of lists, which the contract of crm_customers says. But a patronymic follows the first name: at the end
    it says that the family name stands first, and before the last word that it stands last.
    """
    before, after = map(words_of, name.partition(",")[::2])
    if before and after:
        return before, after
    words = words_of(name)
    if len(words) < 2:
        return (), words
    is_first = order == "last_first"
    if len(words) > 2 and any(map(_PATRONYMIC.fullmatch, (words[1], words[-1]))):
        is_first = not _PATRONYMIC.fullmatch(words[1])
    return (words[:1], words[1:]) if is_first else (words[-1:], words[:-1])


def parts_of_name(family: Words, given: Words) -> set[Words]:
    """The sets of words of a name that stand for the person: all of them, and the family name with one given name.

    Given names alone are common to many, and so is a family name with a patronymic, an initial, a title or a particle.
    """
    if not family or not given:
        return set()
    alone = [
        word
        for n, word in enumerate(given)
        if not (_NO_GIVEN_NAME.fullmatch(word) or (n and _PARTICLE.fullmatch(word)))
    ]
    found = {family + given}
    if not all(map(_PARTICLE.fullmatch, family)):  # as in "van Lee Ann", read as the last name first
        found |= {(*family, word) for word in alone}
    if len(family) > 1 and len(given) > 1:  # of so many words not every order is looked for
        found.add(given + family)
    return {part for part in found if len("".join(part)) >= SHORTEST_NAME}


def _orders(words: Words) -> list[Words]:
    if len(words) <= 3:
        return sorted(set(permutations(words)))
    return sorted({words, (*words[1:], words[0]), (words[-1], *words[:-1])})


def _letter(letter: str) -> set[str]:
    """What may stand for a letter of a name, composed or decomposed."""
    one = letter.translate(_FOLDED)
    same = {one, *_SAME.get(one, ())}
    return same | {unicodedata.normalize("NFD", letter) for letter in same}


def name_regex(words: Words, word: str) -> str:
    """A name's words in any order, with blanks or punctuation between them, composed or decomposed."""
    gap = rf"(?:[^{word}\r\n]|_|{_ENTITIES}){{1,4}}"
    written = {
        part: "".join(f"(?:{'|'.join(map(re.escape, sorted(_letter(letter))))})" for letter in part) for part in words
    }
    return "|".join(gap.join(written[part] for part in order) for order in _orders(words))


def name_hint(words: Words, encodings: Iterable[str]) -> list[bytes]:
    """Bytes, ASCII in lower case, one of which every spelling of a name has, in one of these encodings.

    Each begins with a letter, not with a choice, by which `re` finds places ten times as fast.
    """
    escaped: list[Callable[[str], bytes]] = [_json_escaped]
    escaped += [partial(_encoded, encoding=encoding) for encoding in sorted(set(encodings))]
    gap = _HINTED_GAP.replace(b"{0,", b"{1,")
    found = []
    for order in _orders(words):
        for encode in escaped:
            first, *rest = (_letters(word, encode) for word in order)
            after = b"".join(gap + b"".join(map(_any_of, letters)) for letters in rest)
            found += [start + b"".join(map(_any_of, first[1:])) + after for start in sorted(first[0])]
    return found


def _letters(word: str, encode: Callable[[str], bytes]) -> list[set[bytes]]:
    """For each letter of a word, the bytes that it may be."""
    cased = [{case for one in _letter(letter) for case in (one.lower(), one.upper())} for letter in word]
    return [{re.escape(raw) for raw in map(bytes.lower, map(encode, letters)) if raw} for letters in cased]


def _any_of(choices: set[bytes]) -> bytes:
    return b"(?:" + b"|".join(sorted(choices)) + b")"


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return b""


def _json_escaped(text: str) -> bytes:
    return "".join(letter if letter.isascii() else f"\\u{ord(letter):04x}" for letter in text).encode()


# --- plain texts ---


def text_regex(text: str) -> str:
    """A text as it is, but for what HTML and URLs make of an at sign."""
    return re.escape(text).replace("@", "(?:@|%40|&#64;|&#x40;)")


def text_hint(text: str, encodings: Iterable[str]) -> list[bytes]:
    """Bytes, ASCII in lower case, one of which a text has in one of these encodings."""
    cased = (text, text.title(), text.upper())
    found = {re.escape(_encoded(variant, encoding).lower()) for variant in cased for encoding in encodings}
    return [raw.replace(b"@", b"(?:@|%40|&#64;|&#x40;)") for raw in sorted(found - {b""})]


def text_like(text: str) -> str:
    """A pattern of SQL's LIKE that a text in lower case meets however it is written."""
    return f"%{''.join(letter if letter.isalnum() and len(_letter(letter)) == 1 else '%' for letter in text)}%"


def whole_words(alternatives: Iterable[str], word: str) -> str:
    """Any of these, with no letter or digit on either side."""
    found = "|".join(filter(None, alternatives))
    return f"(?:^|[^{word}])({found})(?:$|[^{word}])" if found else ""

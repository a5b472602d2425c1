"""The encoding of a text file: by its first bytes, by all of it, else by what reads like words."""

import codecs
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from charset_normalizer import from_bytes

from pipelines.intake.inspection.form import Bytes, is_wide
from pipelines.intake.inspection.looks import said

# One-byte encodings by their usual names, the likelier of two that read a text alike first.
_CANDIDATES = {
    "windows-1252": "cp1252",
    "windows-1251": "cp1251",
    "cp866": "cp866",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "windows-1250": "cp1250",
    "windows-1254": "cp1254",
    "windows-1257": "cp1257",
    "iso-8859-15": "iso8859-15",
    "iso-8859-2": "iso8859-2",
    "iso-8859-5": "iso8859-5",
    "cp1125": "cp1125",
    "cp850": "cp850",
    "cp852": "cp852",
    "mac-roman": "mac-roman",
    "mac-cyrillic": "mac-cyrillic",
    "windows-1253": "cp1253",
    "windows-1255": "cp1255",
    "windows-1256": "cp1256",
    "latin-1": "latin-1",
}
# Letters beyond ASCII of the languages that shops write in: a file is mostly in one.
_LANGUAGES = (
    "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё",  # Russian
    "оеаинтсрвлкмдпуяьгзбчйхжшюцщфіїєґ",  # Ukrainian
    "оеаинтсрвлкмдпуяыьгзбчйхжшюцэфёіў",  # Belarusian
    "оеаинтсрвлкмдпуяьгзбчйхжшюцщфъ",  # Bulgarian
    "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ",
    "äöüß",
    "éèêëàâçîïôûùœæ",
    "ñáéíóúü",
    "ãõáâàçéêíóôú",
    "àèéìòù",
    "åäöéü",
    "åæøéü",
    "ąćęłńóśźż",
    "áčďéěíňóřšťúůýž",
    "áäčďéíĺľňóôŕšťúýž",
    "áéíóöőúüű",
    "ăâîșşțţ",
    "čćđšž",
    "çğıöşü",
    "āčēģīķļņšūž",
    "ąčęėįšųūž",
    "äõöüšž",
)
_LETTERS = frozenset("".join(_LANGUAGES) + "ðþ")  # Icelandic alone has the first two, and reads like Turkish
_GREEK_ENDS = "αεηιουωςνρξψάέήίόύώ"
_OTHER_LANGUAGE = 0.5  # worth of a letter that the file's language does not have
_SIGNS: dict[str, float] = {
    **dict.fromkeys("№«»–—“”„…€£°", 0.8),
    **dict.fromkeys("\u2019\u00a0®©™²³½·×µ§¿¡₴₽²ºª", 0.5),
}
_MARGIN = 0.08  # two readings whose naturalness differs by less both fit
_EASTERN = (
    "gb18030",
    "gbk",
    "gb2312",
    "big5",
    "big5hkscs",
    "cp949",
    "cp950",
    "cp932",
    "shift_jis",
    "euc_jp",
    "euc_kr",
    "johab",
)
# The code page that Windows and its programs write for what a detector names by its standard: it has signs that the
# standard lacks or reads otherwise (髙, ①).
_AS_WINDOWS_HAS_IT = {
    **dict.fromkeys(("shift_jis", "shift_jisx0213", "shift_jis_2004"), "cp932"),
    **dict.fromkeys(("gb2312", "gbk"), "gb18030"),
    "euc_kr": "cp949",
}
_EASTERN_LIMIT = 0.8  # naturalness below which text of one byte a letter may be text of two
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class Encoding:
    """A file's encoding and how it is known. `others` read it otherwise and may be right; `doubt` says so in words."""

    name: str
    reason: str
    others: tuple[str, ...] = ()
    doubt: str | None = None


def encoding_of(scan: Bytes) -> Encoding:
    """The encoding that a text file is in; never a silent guess."""
    for mark, name in _BOMS:
        if scan.head.startswith(mark):
            return Encoding(name, "by the mark at its beginning")
    if wide := is_wide(scan.head):
        return Encoding(wide, "every second byte is NUL; there is no mark at its beginning")
    if scan.is_ascii:
        return Encoding("utf-8", "plain ASCII, which most encodings read alike")
    if scan.is_utf8:
        return Encoding("utf-8", "all of it is valid UTF-8", doubt=_twice(scan.foreign.decode("utf-8", "replace")))
    if scan.damaged_share < 0.1:
        return Encoding(
            "utf-8",
            "nearly all of it is valid UTF-8",
            doubt="a few lines are no UTF-8: they are damaged, or of another system",
        )
    return _by_words(scan.foreign)


def _twice(text: str) -> str | None:
    """What is odd about words that a program took for windows-1252, which they were not, and wrote anew as UTF-8."""
    words = [word for word in dict.fromkeys(_words(text)) if not word.isascii() and "\ufffd" not in word]
    wrong = [word for word in words if (was := _decoded(_bytes(word), "utf-8")) and was != word]
    if not wrong or len(wrong) < 0.3 * len(words):
        return None
    letters = re.sub(r"[\x00-\x7f]", "", wrong[0])
    return f"the encoding was taken for another one before: {said(letters)} should be {said(_bytes(letters).decode())}"


def _bytes(word: str) -> bytes:
    try:
        return word.encode("cp1252")
    except UnicodeEncodeError:
        return b""


def _by_words(sample: bytes) -> Encoding:
    """The one-byte encoding in which a sample reads most like words, beside what charset-normalizer says."""
    readings: dict[str, list[str]] = {}
    for name, codec in _CANDIDATES.items():
        try:
            readings.setdefault(sample.decode(codec), []).append(name)
        except UnicodeDecodeError:
            continue
    scores = sorted(((naturalness(text), -number, text) for number, text in enumerate(readings)), reverse=True)
    detected = from_bytes(sample).best()
    said = detected.encoding if detected else None
    if said and _decoded(sample, wider := _AS_WINDOWS_HAS_IT.get(said, said)) is not None:
        said = wider
    if (not scores or scores[0][0] < 0.5) and _is_japanese(_decoded(sample, "cp932") or ""):
        said = "cp932"
    said_text = _decoded(sample, said) if said else None
    if not scores or (
        said_text is not None
        and said_text not in readings
        and scores[0][0] < (_EASTERN_LIMIT if str(said) in _EASTERN else 0.5)
    ):
        name = (said or "windows-1252").replace("_", "-")
        return Encoding(
            name, "by charset-normalizer alone", doubt=f"encoding {name} is a guess: look whether the words read well"
        )
    best, _, text = scores[0]
    name, *alike = readings[text]
    near = [readings[other][0] for score, _, other in scores[1:] if score > best - _MARGIN and score > 0.4]
    few = len({char for char in text if ord(char) > 127 and char.isalpha()}) < 3
    if said_text is not None and said_text != text and few and naturalness(said_text) > 0.4:
        near.extend([*readings.get(said_text, [str(said).replace("_", "-")])[:1]])
    reason = "its words read well in it"
    if said_text == text:
        reason += ", and charset-normalizer agrees"
    if alike:
        reason += f"; {' and '.join(alike[:3])} read{'s' if len(alike) == 1 else ''} it the same"
    near = list(dict.fromkeys(near))
    doubt = _doubt(name, near, text, [_decoded(sample, _CANDIDATES.get(other, other)) or "" for other in near])
    if not near and (best < 0.5 or not any(char.isalpha() for char in text if ord(char) > 127)):
        doubt = f"encoding {name} is a guess: too little in the file is beyond ASCII"
    return Encoding(name, reason, tuple(near), doubt)


def _is_japanese(text: str) -> bool:
    """Whether nearly all beyond ASCII is kana, kanji or a wide sign; Korean would read as half-width kana."""
    foreign = [char for char in text if ord(char) > 127]
    wide = [char for char in foreign if re.match("[\u3000-\u30ff\u4e00-\u9fff\u2460-\u2473\uff01-\uff5e]", char)]
    return len(wide) > 0.9 * len(foreign)


def _doubt(name: str, others: list[str], text: str, readings: list[str]) -> str | None:
    """Which encodings fit, with the first word that they read otherwise."""
    if not others:
        return None
    words = list(_words(text))
    for other, reading in zip(others, readings, strict=True):
        for mine, theirs in zip(words, _words(reading), strict=False):
            if mine != theirs:
                return (
                    f"encodings {name} and {', '.join(others)} fit: a word is {said(mine[:20])} in {name} and "
                    f"{said(theirs[:20])} in {other}; {name} reads more like words"
                )
    return f"encodings {name} and {', '.join(others)} fit"


def _decoded(sample: bytes, encoding: str) -> str | None:
    try:
        return sample.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return None


def naturalness(text: str) -> float:
    """From -2 to 1, how much the characters beyond ASCII are those of words that people write, all in one language."""
    weights: list[tuple[str, float]] = []
    for word in set(_words(text)):
        weights.extend((_small(char), _weight(word, n)) for n, char in enumerate(word) if ord(char) > 127)
    if not weights:
        return 0.0
    letters = [char for char, weight in weights if weight == 1.0]
    language = max(_LANGUAGES, key=lambda language: sum(char in language for char in letters))
    total = sum(_OTHER_LANGUAGE if weight == 1.0 and char not in language else weight for char, weight in weights)
    return total / len(weights)


def _small(char: str) -> str:
    """A letter as the languages above have it: the small letter of the Turkish İ has two characters."""
    return "ı" if char == "İ" else char.lower()


def _words(text: str) -> Iterable[str]:
    for word in re.split(r"[;,|\t\r\n ]+", text):
        yield word.strip("\"'().:-")


def _weight(word: str, number: int) -> float:
    char = word[number]
    lower = _small(char)
    before, after = word[number - 1 : number] if number else "", word[number + 1 : number + 2]
    if before.isdigit() and after.isdigit():
        return 1.0 if char in "\u00a0\u2019" else -1.0
    if lower not in _LETTERS:
        within = 0 < number < len(word) - 1 and word[number - 1].isalpha() and word[number + 1].isalpha()
        if within and char not in "\u2019\u00a0–":
            return -1.0
        if unicodedata.category(char) in ("Cc", "Cn"):
            return -2.0
        return _SIGNS.get(char, -0.5 if not char.isalpha() else 0.0)
    if char != lower and before.isalpha() and before.islower():
        return -1.0  # a capital after a small letter
    if char == lower and number > 1 and before.isupper() and word[number - 2].isupper():
        return -0.5
    neighbours = [near for near in (before, after) if near.isalpha()]
    if any(_script(near) != _script(char) for near in neighbours):
        return -1.0
    if _script(char) == "greek" and not after and number > 1 and lower not in _GREEK_ENDS:
        return -1.0
    if _script(char) == "latin" and len(neighbours) == 2 and all(ord(near) > 127 for near in neighbours):
        return -1.0  # no language has three such letters in a row
    return 1.0


def _script(char: str) -> str:
    code = ord(char)
    if 0x370 <= code < 0x400:
        return "greek"
    return "cyrillic" if 0x400 <= code < 0x530 else "latin"

"""What other systems call our columns: config/synonyms.yaml, and how a header is compared with it."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import yaml

from pipelines.contracts import sources
from pipelines.settings import ROOT

SYNONYMS = ROOT / "config" / "synonyms.yaml"
_OWN, _LISTED, _ALIKE, _WITHIN, _WEAK = 1.0, 0.95, 0.85, 0.6, 0.5


@dataclass(frozen=True)
class Synonyms:
    """Names of columns by source and column, the weak ones apart; names of personal and currency columns; of files."""

    names: Mapping[str, Mapping[str, frozenset[str]]]
    weak: Mapping[str, Mapping[str, frozenset[str]]]
    personal: frozenset[str]
    currency: frozenset[str]
    files: Mapping[str, frozenset[str]]


@cache
def synonyms() -> Synonyms:
    """The synonyms, with each column's own and former names."""
    document = yaml.safe_load(SYNONYMS.read_text(encoding="utf-8"))
    names: dict[str, dict[str, frozenset[str]]] = {}
    weak: dict[str, dict[str, frozenset[str]]] = {}
    for name, contract in sources().items():
        listed = document.get(name, {})
        names[name], weak[name] = {}, {}
        for column in contract.columns:
            words = [str(word) for word in listed.get(column.name, [])]
            strong = [column.name, *column.former_names, *(word for word in words if not word.startswith("?"))]
            names[name][column.name] = frozenset(map(plain_header, strong))
            weak[name][column.name] = frozenset(plain_header(word[1:]) for word in words if word.startswith("?"))
    return Synonyms(
        names,
        weak,
        frozenset(map(plain_header, document["personal"])),
        frozenset(map(plain_header, document["currency"])),
        {source: frozenset(plain_header(word) for word in words) for source, words in document["files"].items()},
    )


@cache
def plain_header(header: str) -> str:
    """A header as it is compared: small letters, single blanks; no marks, brackets, rates, nothing after a comma."""
    text = unicodedata.normalize("NFKC", header).strip("\ufeff\u200b ")
    text = re.sub(r"(?<=[a-zа-яё])(?=[A-ZА-ЯЁ][a-zа-яё])", " ", text)
    bare = re.sub(r"\([^)]*\)|\[[^\]]*\]", " ", text)
    bare = re.sub(r"(?<=\w)\s*\b\d+(?:[.,]\d+)?\s*%", " ", bare)  # Tax 5%
    bare = re.split(r",\s", bare)[0]
    bare = re.sub(r"[^\w'’]+|_", " ", bare if re.search(r"\w", bare) else text)
    return " ".join(bare.casefold().replace("’", "'").replace("ё", "е").split())


def header_score(header: str, source: str, column: str) -> float:
    """How well a header names a column of a source, from 0 to 1."""
    known = synonyms()
    plain = plain_header(header)
    if not plain:
        return 0.0
    if plain == plain_header(column):
        return _OWN
    names = known.names[source][column]
    if plain in names or plain.replace(" ", "") in _joined(source, column):
        return _LISTED
    if plain in known.weak[source][column]:
        return _WEAK
    words = frozenset(plain.split())
    if len(words) > 1 and any(words == frozenset(name.split()) for name in names):
        return _ALIKE
    singular = frozenset(word.removesuffix("s") for word in words)
    if any(singular == frozenset(word.removesuffix("s") for word in name.split()) for name in names):
        return _ALIKE
    if any(" " in name and frozenset(name.split()) < words for name in names):
        return _WITHIN
    return 0.0


@cache
def _joined(source: str, column: str) -> frozenset[str]:
    return frozenset(name.replace(" ", "") for name in synonyms().names[source][column])


def is_personal_header(header: str) -> bool:
    """Whether a header speaks of a person or an address that no source takes."""
    words = plain_header(header)
    return words in synonyms().personal or any(
        f" {name} " in f" {words} " for name in synonyms().personal if len(name) > 4
    )


def file_score(stem: str, source: str) -> float:
    """Whether a file's name speaks for a source."""
    words = plain_header(stem)
    return float(any(f" {word} " in f" {words} " for word in synonyms().files.get(source, ())))

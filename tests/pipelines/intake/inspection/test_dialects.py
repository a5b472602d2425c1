"""A hundred files as shops write them: the dialect is found, and a wrong guess is never silent."""

import itertools
import random
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.intake.inspection.inspect import Inspection, inspect_file

LANGUAGES = {
    "ru": (
        ["Номер чека", "Дата", "Магазин", "Покупатель", "Сумма"],
        ["Мытищи", "Тверь"],
        ["Анна Иванова", "Пётр Щёкин"],
    ),
    "uk": (["Номер чеку", "Дата", "Магазин", "Покупець", "Сума"], ["Київ", "Львів"], ["Ївга Гончар", "Олексій Ющенко"]),
    "de": (["Bestellnummer", "Datum", "Filiale", "Kunde", "Größe"], ["Köln", "Münster"], ["Jörg Weiß", "Anne Müller"]),
    "fr": (["Commande", "Date", "Magasin", "Prénom", "Montant"], ["Orléans", "Nîmes"], ["Hélène", "François"]),
    "pl": (["Zamówienie", "Data", "Sklep", "Imię", "Kwota"], ["Łódź", "Kraków"], ["Małgorzata", "Stanisław"]),
    "en": (["Order ID", "Order date", "Store", "Customer", "Total"], ["York", "Leeds"], ["Ann Lee", "Bob Ray"]),
}
ENCODINGS = {
    "ru": ["windows-1251", "cp866", "koi8-r", "utf-8", "utf-16"],
    "uk": ["windows-1251", "utf-8-sig", "utf-16"],
    "de": ["latin-1", "windows-1252", "cp850", "utf-8"],
    "fr": ["latin-1", "utf-8-sig"],
    "pl": ["windows-1250", "utf-8"],
    "en": ["utf-8", "utf-16"],
}
ORDERS = {
    "day_first": ("{d:02d}.{m:02d}.{y}", "{d:02d}/{m:02d}/{y}", "{d}/{m}/{y} 10:{d:02d}"),
    "month_first": ("{m:02d}/{d:02d}/{y}", "{m}/{d}/{y} 9:{d:02d} PM"),
    "year_first": ("{y}-{m:02d}-{d:02d}", "{y}-{m:02d}-{d:02d} 10:{d:02d}:00"),
}
NUMBERS = {  # decimal mark, grouping mark
    "plain": (".", ""),
    "english": (".", ","),
    "russian": (",", "\u00a0"),
    "blank": (",", " "),
    "german": (",", "."),
    "comma": (",", ""),
    "swiss": (".", "'"),
}
QUOTES = ("minimal", "all", "none")


@dataclass(frozen=True)
class Written:
    """How a file was written."""

    language: str
    encoding: str
    delimiter: str
    numbers: str
    order: str
    form: str
    quotes: str
    rows: int


def _cases() -> list[Written]:
    """A hundred and eight combinations, drawn once and for all."""
    draw = random.Random(16)
    places = [(language, encoding) for language, names in ENCODINGS.items() for encoding in names]
    cases = []
    for number, (delimiter, (language, encoding)) in enumerate(
        itertools.islice(itertools.cycle(itertools.product((";", ",", "\t", "|"), places)), 108)
    ):
        order = draw.choice(list(ORDERS))
        cases.append(
            Written(
                language,
                encoding,
                delimiter,
                draw.choice([name for name in NUMBERS if "\u00a0" not in NUMBERS[name][1] or encoding != "ascii"]),
                order,
                draw.choice(ORDERS[order]),
                draw.choice(QUOTES[:2] if delimiter == "," else QUOTES),
                draw.choice((8, 40, 300)) if number % 9 else 3,
            )
        )
    return cases


def _number(cents: int, style: str) -> str:
    decimal, group = NUMBERS[style]
    whole = f"{cents // 100:,}".replace(",", group)
    return f"{whole}{decimal}{cents % 100:02d}"


def _write(case: Written, folder: Path, seed: int) -> tuple[Path, str]:
    draw = random.Random(seed)
    header, towns, people = LANGUAGES[case.language]
    records = [header]
    for row in range(case.rows):
        day = case.form.format(y=2023, m=draw.randint(1, 12), d=draw.randint(1, 28))
        cents = draw.randint(1, 9_000_000)
        records.append([f"{row + 1:05d}", day, draw.choice(towns), draw.choice(people), _number(cents, case.numbers)])

    def field(value: str) -> str:
        if case.quotes == "all" or (case.quotes == "minimal" and case.delimiter in value):
            return f'"{value}"'
        return value

    text = "\r\n".join(case.delimiter.join(map(field, record)) for record in records) + "\r\n"
    path = folder / "sales.csv"
    data = text.encode(case.encoding, "replace")
    path.write_bytes(data)
    return path, data.decode(case.encoding)


def _found_wrong(case: Written, found: Inspection, data: bytes, text: str) -> list[str]:
    """What of the dialect is not as it was written."""
    assert found.table.encoding is not None
    assert found.table.layout is not None
    decimal, group = NUMBERS[case.numbers]
    wrong = []
    if data.decode(found.table.encoding.name).lstrip("\ufeff") != text.lstrip("\ufeff"):
        wrong.append("encoding")
    if found.table.layout.delimiter != case.delimiter or found.table.layout.header_row != 1:
        wrong.append("delimiter")
    if found.marks.decimal != decimal:
        wrong.append("decimal mark")
    if group and found.marks.grouping != group:
        wrong.append("grouping mark")
    if found.dates.order != case.order:
        wrong.append("date order")
    return wrong


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Written, list[str], Inspection]]:
    folder = tmp_path_factory.mktemp("dialects")
    results = []
    for seed, case in enumerate(_cases()):
        path, text = _write(case, folder, seed)
        found = inspect_file(path)
        results.append((case, _found_wrong(case, found, path.read_bytes(), text), found))
    return results


def test_at_least_95_of_100_dialects_are_found_whole(judged):
    wrong = [(case, what, found.doubts) for case, what, found in judged if what]
    assert len(judged) == 108
    assert len(wrong) <= 0.05 * len(judged), wrong


def test_no_dialect_is_wrong_without_a_word(judged):
    words = {
        "encoding": "encoding",
        "delimiter": "delimiter",
        "decimal mark": "decimal",
        "grouping mark": "decimal",
        "date order": "dates",
    }
    silent = [
        (case, what)
        for case, wrong, found in judged
        for what in wrong
        if not any(words[what] in doubt for doubt in found.doubts)
    ]
    assert silent == []


def test_most_files_are_read_without_a_doubt_of_the_dialect(judged):
    doubtful = [found.doubts for _, _, found in judged if any("fit" in doubt for doubt in found.doubts)]
    assert len(doubtful) < 0.25 * len(judged), doubtful


def test_all_rows_are_read(judged):
    assert [(case, found.table.rows) for case, _, found in judged if found.table.rows != case.rows] == []


def test_japanese_is_read_by_the_code_page_that_has_all_of_its_signs(tmp_path):
    text = "取引ID,店名,担当者\n" + "".join(f"{n},渋谷店①,髙橋～{n}\n" for n in range(40))
    (tmp_path / "torihiki.csv").write_bytes(text.encode("cp932"))
    found = inspect_file(tmp_path / "torihiki.csv")
    assert found.table.encoding is not None
    assert found.table.encoding.name == "cp932"
    assert found.columns[2].sample[0] == "髙橋～0"


def test_numbers_as_india_groups_them_are_numbers(tmp_path):
    text = "No,Amount\n" + "".join(f'{n},"1,2{n},456.00"\n' for n in range(9))
    (tmp_path / "vouchers.csv").write_text(text, encoding="utf-8")
    found = inspect_file(tmp_path / "vouchers.csv")
    assert (found.columns[1].kind, found.marks.decimal, found.marks.grouping) == ("number", ".", ",")

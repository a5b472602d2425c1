"""A source over many nights, some late, some run again: its state by a plain rule, in few files and small manifests."""

from datetime import date, timedelta
from random import Random

import pytest
from extracts import RECEIPTS

from pipelines.engines import merge
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.store.lake import CommittedNight, Lake
from pipelines.tables.inputs import contract_of

START = date(2017, 12, 1)
ONLY = frozenset({"receipts", "promo_codes"})
NIGHTS = [START + timedelta(n) for n in range(16)]
LATE, AGAIN = NIGHTS[5], NIGHTS[9]
MOST = 4


@pytest.fixture(autouse=True)
def few_files(monkeypatch):
    monkeypatch.setattr(merge, "MOST_SMALL_FILES", MOST)


class Year:
    """What a retailer delivered, beside the home that it was loaded into."""

    def __init__(self, retailer) -> None:
        self.retailer = retailer
        self.delivered: dict[date, dict[str, int]] = {}
        self.codes: dict[date, list[str]] = {}
        self.random = Random(3)

    def deliver(self, night: date) -> None:
        """New receipts, corrections of earlier ones, sometimes none; codes come whole, sometimes without a row."""
        number = (night - START).days
        ids = [f"r{number}", f"r{self.random.randrange(30)}"] if number % 5 else []
        self.delivered[night] = {key: self.random.randrange(1, 1000) for key in ids}
        self.codes[night] = [] if number % 3 else [f"C{self.random.randrange(5)}"]
        rows = "".join(f"{key},c,2017-12-01,{amount}\n" for key, amount in self.delivered[night].items())
        codes = "promo_code\n" + "".join(f"{code}\n" for code in self.codes[night])
        self.retailer.deliver(f"{night}", receipts=RECEIPTS + rows, promo_codes=codes)

    def load(self, night: date) -> None:
        self.retailer.load(f"{night}", only=ONLY)

    def expected(self, night: date) -> tuple[dict[str, int], list[str]]:
        """The latest amount of each receipt, and the latest codes that came."""
        receipts: dict[str, int] = {}
        codes: list[str] = []
        for day in sorted(day for day in self.delivered if day <= night):
            receipts |= self.delivered[day]
            codes = self.codes[day] or codes
        return receipts, codes

    def found(self, night: date) -> tuple[dict[str, int], list[str]]:
        known = CommittedNight(Lake(self.retailer.home), night, "test")
        amounts, codes = (
            self._rows(known, *what)
            for what in (("receipts", "receipt_id, CAST(total_amount AS INT)"), ("promo_codes", "promo_code"))
        )
        return dict(amounts), [code for (code,) in codes]

    def _rows(self, night: CommittedNight, table: str, columns: str) -> list:
        with DuckDBEngine(night, self.retailer.settings) as engine:
            rows = engine.select_of(night.table(table), contract_of(table))
            return sorted(engine.rows(f"SELECT {columns} FROM ({rows})"))


@pytest.fixture
def year(retailer) -> Year:
    """Nights in order, but one that came late and one that came again otherwise; outdated nights were run again."""
    year = Year(retailer)
    for night in NIGHTS:
        if night != LATE:
            year.deliver(night)
            year.load(night)
    for night in (LATE, AGAIN):
        year.deliver(night)
        year.load(night)
    for night in Lake(retailer.home).stale_nights():
        year.load(night)
    return year


def test_every_night_of_many_has_the_rows_that_a_plain_rule_gives_and_few_files(year):
    lake = Lake(year.retailer.home)
    assert lake.stale_nights() == []
    assert {night: year.found(night) for night in NIGHTS} == {night: year.expected(night) for night in NIGHTS}
    for night in NIGHTS:
        files = lake.manifest(night).tables["receipts"].data_files
        assert len(files) <= MOST
        assert sum(file.night == night for file in files) == (1 if night in year.delivered else 0)
    sizes = [path.stat().st_size for path in sorted((lake.root / "manifests").iterdir())]
    assert max(sizes) < 1.5 * sizes[MOST]


def test_every_named_file_is_there_and_no_other(year):
    lake = Lake(year.retailer.home)
    lake.collect_garbage()
    manifests = map(lake.manifest, lake.nights())
    named = {path for manifest in manifests for state in manifest.tables.values() for path in state.paths()}
    assert {lake.relative(path) for path in lake.table_files()} == named


def test_a_night_on_outdated_ones_builds_on_what_they_staged(year):
    year.deliver(NIGHTS[4])
    year.load(NIGHTS[4])
    lake = Lake(year.retailer.home)
    assert lake.stale_nights() == NIGHTS[5:]
    year.deliver(new := NIGHTS[-1] + timedelta(1))
    year.load(new)
    assert lake.stale_nights() == NIGHTS[5:]
    assert year.found(new) == year.expected(new)


def test_nights_go_on_when_the_earlier_ones_are_no_longer_kept(year):
    lake = Lake(year.retailer.home)
    lake.remove_nights(before=NIGHTS[8])
    lake.collect_garbage()
    year.deliver(new := NIGHTS[-1] + timedelta(1))
    year.load(new)
    year.deliver(NIGHTS[14])
    year.load(NIGHTS[14])
    assert lake.stale_nights() == [*NIGHTS[15:], new]
    for night in lake.stale_nights():
        year.load(night)
    assert {n: year.found(n) for n in lake.nights()} == {n: year.expected(n) for n in (*NIGHTS[8:], new)}


def test_manifests_of_an_earlier_version_without_lineages_are_gone_on_with(year):
    lake = Lake(year.retailer.home)
    for night in lake.nights():
        manifest = lake.manifest(night)
        staged = [
            file
            for day in lake.nights()
            if day <= night
            for file in lake.manifest(day).tables["receipts"].written_by(day)
        ]
        tables = {
            name: state.model_copy(
                update={"lineage": None, **({"data_files": tuple(staged)} if name == "receipts" else {})}
            )
            for name, state in manifest.tables.items()
        }
        lake.replace_manifest(manifest.model_copy(update={"tables": tables}))
    assert lake.stale_nights() == []
    year.deliver(new := NIGHTS[-1] + timedelta(1))
    year.load(new)
    assert lake.stale_nights() == []
    assert len(lake.manifest(new).tables["receipts"].data_files) <= MOST
    assert year.found(new) == year.expected(new)

"""Lots of points: points_flow against lots kept posting by posting, in both orders of spending."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import pyarrow as pa
import pytest
from spark import needs_spark

from pipelines.catalog import tables
from pipelines.engines.base import Engine
from pipelines.engines.choose import sql_engine
from pipelines.settings import Settings
from pipelines.store.lake import Lake

START = date(2024, 1, 10)
NIGHT = date(2024, 6, 30)
VIEWS = ("points_posting", "points_step", "points_account", "points_mark", "points_queue")
NEVER = date(9999, 12, 31)

# customer, granted month, fate, month, month and day of expiry
Key = tuple[int, date | None, str, date | None, date | None, date | None]


@dataclass(frozen=True)
class Posting:
    """A row of the ledger."""

    kind: str
    points: int
    day: date
    expires: date | None = None

    @property
    def order(self) -> int:
        """Of one day, points are granted, then taken, then the ledger posts what expired."""
        return 0 if self.points > 0 else 2 if self.kind == "expire" else 1


@dataclass
class Lot:
    posted: date
    expires: date
    left: int


@dataclass
class Account:
    """What a customer has, lot by lot, what was taken without being there, and what became of the points."""

    customer: int
    order: str
    lots: list[Lot] = field(default_factory=list)
    debt: int = 0
    unposted: int = 0
    flow: Counter[Key] = field(default_factory=Counter)

    def take(self, points: int, fate: str, month: date | None) -> int:
        """Takes from the lots in their order; returns what they could not give."""
        first = (lambda lot: (lot.posted, lot.expires)) if self.order == "posted_first" else None
        for lot in sorted(self.lots, key=first or (lambda lot: (lot.expires, lot.posted))):
            taken = min(points, lot.left)
            lot.left -= taken
            points -= taken
            self.moved(lot.posted, fate, month or month_of(lot.posted), taken)
        return points

    def moved(self, posted: date | None, fate: str, month: date, points: int) -> None:
        if points:
            self.flow[(self.customer, posted and month_of(posted), fate, month, None, None)] += points

    def expire(self, today: date) -> None:
        """Lots can be spent on their last day. What was granted since the last taking pays a debt first."""
        self.debt = self.take(self.debt, "overdraft", None)
        for lot in self.lots:
            if lot.expires < today:
                self.moved(lot.posted, "expired", month_of(lot.expires), lot.left)
                self.unposted += lot.left
                lot.left = 0

    def post(self, posting: Posting) -> None:
        if posting.points > 0:
            expires = NEVER if posting.expires is None else max(posting.expires, posting.day)
            self.lots.append(Lot(posting.day, expires, posting.points))
            return
        self.expire(posting.day)
        points, fate = -posting.points, {"spend": "spent", "expire": "expired"}.get(posting.kind, "corrected")
        if posting.kind == "expire":
            known = min(points, self.unposted)
            self.unposted -= known
            points -= known
        missing = self.take(points, fate, month_of(posting.day))
        self.moved(None, fate, month_of(posting.day), missing)
        self.debt += missing

    def close(self) -> Counter[Key]:
        self.expire(NIGHT + timedelta(1))
        for lot in self.lots:
            month = None if lot.expires == NEVER else month_of(lot.expires)
            due = lot.expires if lot.expires <= NIGHT + timedelta(62) else None
            self.flow[(self.customer, month_of(lot.posted), "left", None, month, due)] += lot.left
        return +self.flow


def month_of(day: date) -> date:
    return day.replace(day=1)


def made_up(random: Random) -> list[Posting]:
    """Half a year of grants that last for days, months or for ever; the account is overdrawn now and then."""
    found: dict[tuple[date, object], Posting] = {}
    same = random.choice([None, None, 30, 90])  # one validity for all grants, in every other ledger
    for _ in range(random.randrange(30)):
        day = START + timedelta(random.randrange(190))
        kind = random.choice(["earn", "earn", "earn", "spend", "spend", "adjust", "expire"])
        sign = {"earn": 1, "adjust": random.choice([1, -1])}.get(kind, -1)
        lasts = same or random.choice([None, random.randrange(20), random.randrange(120), 90, 90])
        expires = day + timedelta(lasts) if sign > 0 and lasts is not None else None
        most = random.choice([9, 40])
        # One taking of a kind a day: of several the order would be nobody's.
        found[(day, "taking" if sign < 0 else len(found))] = Posting(
            kind, sign * random.randrange(1, most), day, expires
        )
    return sorted(found.values(), key=lambda posting: (posting.day, posting.order))


@pytest.fixture(scope="module", params=["duckdb", pytest.param("spark", marks=needs_spark)])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    home = tmp_path_factory.mktemp(request.param)
    wanted = Settings(home=home, engine=request.param, memory_limit="1GB", threads=1, spark_master="local[1]")
    with sql_engine(Lake(home).open_night(NIGHT, "points"), wanted) as found:
        yield found


@pytest.mark.parametrize("order", ["expires_first", "posted_first"])
def test_every_point_of_a_thousand_ledgers_goes_where_a_till_would_book_it(engine: Engine, order: str) -> None:
    random = Random(11)
    ledgers = [made_up(random) for _ in range(1000)]
    rows = [
        {
            "customer_id": f"{customer}",
            "kind": posting.kind,
            "points": Decimal(posting.points),
            "posted_date": posting.day,
            "expires_date": posting.expires,
        }
        for customer, ledger in enumerate(ledgers)
        for posting in ledger
    ]
    types = [pa.string(), pa.string(), pa.decimal128(18, 3), pa.date32(), pa.date32()]
    engine.register_arrow(
        "points_ledger", pa.Table.from_pylist(rows, pa.schema(list(zip(rows[0], types, strict=True))))
    )
    identity = pa.schema([("source_customer_id", pa.string()), ("customer_id", pa.string())])
    engine.register_arrow("customer_identity", identity.empty_table())
    engine.register_arrow("night", pa.table({"run_date": [NIGHT], "points_order": [order]}))
    for view in VIEWS:
        engine.register(view, tables()[view].sql)
    expected: Counter[Key] = Counter()
    for customer, ledger in enumerate(ledgers):
        account = Account(customer, order)
        for posting in ledger:
            if posting.day <= NIGHT:
                account.post(posting)
        expected |= account.close()
    columns = "CAST(customer_id AS INTEGER), granted_month, fate, moved_month, expires_month, expires_date, points"
    found = engine.rows(f"SELECT {columns} FROM ({tables()['points_flow'].sql}) AS found")
    assert {tuple(row[:-1]): int(row[-1]) for row in found} == dict(expected)

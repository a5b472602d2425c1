"""Plan against actual: what the retailer set out to reach, what was reached, and what is wrong with the file of it."""

from pipelines.report.page import LISTED, Section, Warehouse
from pipelines.report.words import MONTHS, counted, day, figure, number, percent

_PLANS = """
SELECT metric AS "Figure", CASE WHEN cut = 'all' THEN 'all' ELSE cut || ' ' || cut_value END AS "Of",
    period || ' of ' || period_start AS "Period", plan_value AS "Plan", actual_value AS "Actual",
    difference AS "Difference", reached_share AS "Reached", to_date_share AS "Plan to date",
    to_date_difference AS "Ahead of it",
    CASE WHEN is_over THEN 'over' ELSE days_over || ' of ' || period_days || ' days' END
    || COALESCE('; ' || REPLACE(actual_reason, '_', ' '), '') AS "State"
FROM plan_actual
WHERE days_over > 0
ORDER BY is_over, period_start DESC, metric, cut, cut_value, period
LIMIT $listed
"""

_GROWTH = """
SELECT metric, growth, base_value, target_value, target_month, last_month, last_month_value,
    month_before_value, base_from, base_until
FROM growth_target
WHERE segment = 'all'
ORDER BY metric, base_from, base_until, target_month
LIMIT $listed
"""


def plan(warehouse: Warehouse) -> Section:
    section = Section()
    wrong = warehouse.rows('SELECT message AS "What is wrong" FROM target_warning ORDER BY warning_number')
    if wrong:
        section.takeaways.append(
            "Something is wrong with the file of targets, or with what it plans. A file with a fault plans nothing."
        )
        section.tables.append(warehouse.table("To be mended in the file of targets", "long", wrong[:LISTED]))
    begun = warehouse.one("SELECT COUNT(*) FILTER (days_over > 0) AS begun, COUNT(*) AS rows FROM plan_actual")
    if begun["rows"]:
        section.takeaways.append(
            f"{counted(begun['rows'], 'figure')} of a period planned, {number(begun['begun'])} of them for periods that"
            " have begun. The plan to date is parted by the weekdays of the 13 weeks before the period; it knows"
            " neither season nor holidays."
        )
    if rows := warehouse.rows(_PLANS, listed=LISTED):
        shapes = "name, name, name, figure, figure, figure, share, share, figure, long"
        section.tables.append(warehouse.table("Plan against actual", shapes, rows))
    for row in warehouse.rows(_GROWTH, listed=LISTED):
        by, last = row["target_month"], row["last_month"]
        section.takeaways.append(
            f"Target: {row['metric']} up by {percent(row['growth'])} from {figure(row['base_value'])} ("
            f"{day(row['base_from'])} to {day(row['base_until'])}) to {figure(row['target_value'])} by"
            f" {MONTHS[by.month - 1]} {by.year}. Of {MONTHS[last.month - 1]} {last.year} alone it"
            f" was {figure(row['last_month_value'])}, of the month before {figure(row['month_before_value'])}. Each"
            " segment's part is in the table growth_target."
        )
    return section

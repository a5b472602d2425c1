"""Who is on tonight's lists, who is on none and why, and what is held back."""

from collections.abc import Sequence

from pipelines.report.page import LISTED, Section, Warehouse
from pipelines.report.words import Row, counted, name_of, number, percent, ratio

TONIGHT = "On tonight's list"

_LISTS = """
WITH customer AS (
    SELECT campaign_id, channel, arm, assigned_date = $night AS is_new FROM campaign_assignment
    UNION ALL
    SELECT campaign_id, channel, NULL AS arm, FALSE AS is_new FROM campaign_list
)
SELECT campaign_id AS "Campaign", channel AS "Channel",
    COUNT(*) FILTER (arm IS NULL) AS "On tonight's list",
    COUNT(*) FILTER (arm <> 'control' AND is_new) AS "New tonight: treated",
    COUNT(*) FILTER (arm = 'control' AND is_new) AS "New tonight: control",
    COUNT(*) FILTER (arm <> 'control') AS "Treated so far",
    COUNT(*) FILTER (arm = 'control') AS "Control so far",
    ratio("Control so far", COUNT(arm)) AS "Control share"
FROM customer
GROUP BY campaign_id, channel
ORDER BY campaign_id, channel
"""

# Each step between a campaign's segments and its list stands for some reasons, in the order of the decisions.
_FUNNEL = """
WITH candidate AS (
    SELECT campaign_id, channel, NULL AS reason FROM campaign_list
    UNION ALL
    SELECT campaign_id, channel, reason FROM campaign_exclusion
)
SELECT campaign_id AS "Campaign", channel AS "Channel",
    COUNT(*) AS "In its segments",
    COUNT(*) FILTER (reason IN ('deleted', 'suppressed', 'excluded_segment', 'unsubscribed', 'no_consent'))
        AS "May not be written to",
    COUNT(*) FILTER (reason IN ('no_address', 'bad_address', 'same_address')) AS "No usable address",
    COUNT(*) FILTER (reason = 'other_channel') AS "On another channel",
    COUNT(*) FILTER (reason = 'sent_before') AS "Written to before",
    COUNT(*) FILTER (reason IN ('cap', 'priority')) AS "Cap or priority",
    COUNT(*) FILTER (reason IN ('global_control_group', 'control_group')) AS "Control",
    COUNT(*) FILTER (reason = 'held') AS "Held back",
    COUNT(*) FILTER (reason IS NULL) AS "On tonight's list"
FROM candidate
GROUP BY campaign_id, channel
ORDER BY campaign_id, channel
"""
_REASONS = """
SELECT campaign_id AS "Campaign", channel AS "Channel", reason AS "Reason", COUNT(*) AS "Customers",
    COALESCE(string_agg(DISTINCT decided_by, ', ' ORDER BY decided_by), '') AS "Taken by"
FROM campaign_exclusion
GROUP BY campaign_id, channel, reason
ORDER BY campaign_id, channel, COUNT(*) DESC, reason
LIMIT $listed
"""


def exports(warehouse: Warehouse) -> Section:
    rows = warehouse.rows(_LISTS, night=warehouse.run_date)
    held = warehouse.rows('SELECT campaign_id AS "Campaign", reason AS "Why" FROM campaign_hold ORDER BY ALL')
    section = Section()
    if held:
        section.takeaways.append(
            "Some campaigns are held back: their lists did not leave with this night. A list that waits is sent by"
            " `loyalty release --campaign NAME`; a fault is to be mended in the campaign file, for the next night."
        )
        section.tables.append(warehouse.table("Held back tonight", "name, long", held))
    if rows:
        _add_lists(section, warehouse, rows)
    if warehouse.count("campaign_list") + warehouse.count("campaign_exclusion"):
        _add_funnel(section, warehouse)
    elif not rows and not held:
        section.reason = warehouse.why_empty("campaign_list")
    return section


def _add_lists(section: Section, warehouse: Warehouse, rows: Sequence[Row]) -> None:
    """Who is on tonight's lists and who is control, by campaign and channel."""
    takeaways = section.takeaways
    listed = [row for row in rows if row[TONIGHT]]
    if listed:
        entries, names = sum(row[TONIGHT] for row in listed), {row["Campaign"] for row in listed}
        most = max(listed, key=lambda row: (row[TONIGHT], row["Campaign"], row["Channel"]))
        takeaways.append(
            f"{counted(entries, 'entry', 'entries')} on the lists of {counted(len(names), 'campaign')}; the longest is"
            f" {name_of(most['Campaign'], 40)} by {name_of(most['Channel'])} with {number(most[TONIGHT])}."
        )
    else:
        takeaways.append(warehouse.why_empty("campaign_list"))
    held = sum(row["Control so far"] for row in rows)
    everyone = held + sum(row["Treated so far"] for row in rows)
    if held:
        takeaways.append(
            f"{counted(held, 'assignment')} of {number(everyone)} ({percent(ratio(held, everyone))}) are control:"
            " they receive nothing, so that the effect can be measured."
        )
    controlled = {row["Campaign"] for row in rows if row["Control so far"]}
    without = sorted({name_of(row["Campaign"], 40) for row in listed if row["Campaign"] not in controlled})
    if without:
        more = ", …" if without[8:] else ""
        takeaways.append(f"No control group, so no measurable effect: {', '.join(without[:8])}{more}.")
    shapes = "name, name, count, count, count, count, count, share"
    section.tables.append(warehouse.table("Lists and arms", shapes, rows))


def _add_funnel(section: Section, warehouse: Warehouse) -> None:
    """From the customers of a campaign's segments to those on its list, by channel; each customer is counted once."""
    rows = warehouse.rows(_FUNNEL)
    note = "Each customer stands under the first reason that holds; campaign_exclusion names them one by one."
    shapes = "name, name" + ", count" * 9
    section.tables.append(warehouse.table("From segment to list", shapes, rows, note))
    reasons = warehouse.rows(_REASONS, listed=LISTED)
    if reasons:
        shapes = "name, name, name, count, long"
        section.tables.append(warehouse.table("Why customers are on no list", shapes, reasons, folded=True))

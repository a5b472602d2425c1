"""Who the customers are, what they will be worth, who may leave, and who moved between segments."""

import math
from collections.abc import Sequence
from decimal import Decimal

from pipelines.report.charts import chart, draw_calibration, draw_concentration, draw_movement, draw_shares
from pipelines.report.page import DRAWN, LISTED, WINDOW_DAYS, Section, Tile, Warehouse
from pipelines.report.words import Row, compact, counted, day, name_of, number, percent, ratio, signed

_RFM_SEGMENTS = """
SELECT rfm_segment AS "Segment", COUNT(*) AS "Customers", COUNT(*) / SUM(COUNT(*)) OVER () AS "Share",
    SUM(revenue) AS "Revenue", ratio(SUM(revenue), SUM(SUM(revenue)) OVER ()) AS "Share of revenue",
    AVG(order_count) AS "Orders each", AVG(days_since_last_order) AS "Days since last order"
FROM customer_rfm
GROUP BY rfm_segment
ORDER BY "Revenue" DESC, "Segment"
"""

# All customers in a hundred parts of equal size, the most valuable first.
_CONCENTRATION = """
WITH ranked AS (
    SELECT exact(clv) AS clv, ROW_NUMBER() OVER (ORDER BY clv DESC) AS position, COUNT(*) OVER () AS customers
    FROM customer_clv
    WHERE clv IS NOT NULL
),
hundredth AS (
    SELECT MAX(position) AS position, SUM(clv) AS clv
    FROM ranked
    GROUP BY (position * 100 + customers - 1) // customers
)
SELECT position / MAX(position) OVER () AS "Top", position AS "Customers",
    ratio(SUM(clv) OVER (ORDER BY position), SUM(clv) OVER ()) AS "Share of CLV"
FROM hundredth
ORDER BY position
"""

_CLV_TIERS = """
SELECT clv_tier AS "Tier", COUNT(*) AS "Customers", COUNT(*) / SUM(COUNT(*)) OVER () AS "Share",
    SUM(exact(clv)) AS "CLV", ratio(SUM(exact(clv)), SUM(SUM(exact(clv))) OVER ()) AS "Share of CLV",
    AVG(exact(clv)) AS "CLV each", AVG(exact(p_alive)) AS "Still a customer",
    AVG(exact(expected_purchases)) AS "Purchase days to come"
FROM customer_clv
GROUP BY clv_tier
ORDER BY "CLV" DESC, "Tier"
"""

_OTHER_HORIZONS = """
SELECT horizon_days AS days, SUM(exact(clv)) AS clv, SUM(exact(expected_purchases)) AS purchases
FROM customer_clv_horizon
GROUP BY horizon_days
HAVING COUNT(clv) > 0
ORDER BY horizon_days
"""

_CALIBRATION = """
SELECT decile AS "Decile", customers AS "Customers", predicted AS "Predicted", actual AS "Actual"
FROM churn_calibration
ORDER BY decile
"""

_CHURN_TIERS = """
SELECT churn_tier AS "Risk", COUNT(*) AS "Active customers", AVG(exact(p_churn)) AS "Mean probability",
    SUM(exact(p_churn)) AS "Expected to leave", SUM(exact(clv)) AS "Their CLV"
FROM customer_churn LEFT JOIN customer_clv USING (customer_id)
WHERE is_active
GROUP BY churn_tier
ORDER BY "Mean probability" DESC, "Risk"
"""

# A reason holds the customer's own figures: N stands for the first, M for the usual number of days between orders.
_REASONS = """
WITH given AS (
    SELECT UNNEST([reason_1, reason_2, reason_3]) AS reason, UNNEST([1, 2, 3]) AS rank
    FROM customer_churn
    WHERE is_active AND churn_tier = 'high'
),
counted AS (
    SELECT reason, COUNT(*) AS customers, COUNT(*) FILTER (rank = 1) AS strongest,
        TRY_CAST(REGEXP_EXTRACT(reason, '-?[0-9]+') AS BIGINT) AS own
    FROM given
    WHERE reason IS NOT NULL
    GROUP BY reason
),
worded AS (
    SELECT customers, strongest, own, REGEXP_REPLACE(REGEXP_REPLACE(
        REGEXP_REPLACE(reason, '-?[0-9]+', 'N'), 'usually every [0-9]+', 'usually every M'
    ), 'N (order|day|return)\\b', 'N \\1s') AS words
    FROM counted
)
SELECT words AS "Reason", SUM(customers) AS "Customers",
    SUM(customers) / (SELECT COUNT(*) FROM customer_churn WHERE is_active AND churn_tier = 'high') AS "Share",
    SUM(strongest) AS "The strongest of",
    of_many(SUM(customers), SUM(customers * own) / SUM(customers)) AS "N on average"
FROM worded
GROUP BY words
ORDER BY "Customers" DESC, "Reason"
LIMIT $listed
"""

# Memberships that began or ended after $since, which is NULL if the history has one night only.
_SEGMENTS = """
WITH size AS (SELECT segment, COUNT(*) AS customers FROM customer_segment GROUP BY segment),
moved AS (
    SELECT segment, COUNT(*) FILTER (valid_from > $since) AS entered, COUNT(*) FILTER (valid_to > $since) AS gone
    FROM customer_segment_history
    GROUP BY segment
)
SELECT segment AS "Segment", COALESCE(size.customers, 0) AS "Customers",
    ratio(COALESCE(size.customers, 0), (SELECT COUNT(*) FROM customer_360)) AS "Share of all",
    CASE WHEN $since IS NOT NULL THEN COALESCE(entered, 0) END AS "Entered",
    CASE WHEN $since IS NOT NULL THEN COALESCE(gone, 0) END AS "Left",
    "Entered" - "Left" AS "Net"
FROM size FULL JOIN moved USING (segment)
WHERE customers > 0 OR entered + gone > 0
ORDER BY "Customers" DESC, "Segment"
"""


def rfm(warehouse: Warehouse) -> Section:
    scored = warehouse.rows(
        "SELECT recency_score AS recency, frequency_score AS frequency, COUNT(*) AS customers, SUM(revenue) AS revenue"
        " FROM customer_rfm GROUP BY ALL"
    )
    scores = {(row["recency"], row["frequency"]): row for row in scored}
    revenue = sum(row["revenue"] for row in scored)

    def corner(recency: tuple[int, int]) -> tuple[int, str]:
        """Frequent buyers with some recency scores: how many, and their revenue in words."""
        rows = [row for (r, f), row in scores.items() if r in recency and f in (4, 5)]
        theirs = sum((row["revenue"] for row in rows), Decimal(0))
        share = ratio(theirs, revenue)
        words = warehouse.money(theirs) + ("" if share is None else f" ({percent(share)} of all)")
        return sum(row["customers"] for row in rows), words

    best, best_revenue = corner((4, 5))
    quiet, quiet_revenue = corner((1, 2))
    best_share = percent(best / sum(row["customers"] for row in scored))
    takeaways = [
        f"{counted(best, 'customer')} ({best_share}) bought both recently and often (both scores 4 or 5); their revenue"
        f" so far is {best_revenue}.",
        f"{counted(quiet, 'customer')} used to buy often but {'has' if quiet == 1 else 'have'} gone quiet (frequency 4"
        f" or 5, recency 1 or 2): {quiet_revenue} of past revenue to win back."
        if quiet
        else "No frequent buyer has gone quiet: nobody with frequency 4 or 5 has recency 1 or 2.",
    ]
    segments = warehouse.rows(_RFM_SEGMENTS)
    shapes = "name, count, share, money, share, tenths, count"
    section = Section(takeaways=takeaways, grid=_grid(scores))
    section.tables.append(warehouse.table("RFM segments", shapes, segments))
    if revenue > 0:
        first, drawn = segments[0], segments[:DRAWN]
        words = (
            f"{name_of(first['Segment'], 40)}: {percent(first['Share'])} of customers bring"
            f" {percent(first['Share of revenue'])} of revenue, the largest part of all segments."
        )
        shares = ([row[key] for row in drawn] for key in ("Segment", "Share", "Share of revenue"))
        title, height = "Share of customers and of revenue", 0.9 + 0.32 * len(drawn)
        section.charts.append(chart("rfmshare", title, words, height, draw_shares, *shares))
    return section


def _grid(scores: dict[tuple[int, int], Row]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    most = max(row["customers"] for row in scores.values())
    nobody = {"customers": 0, "revenue": None}
    grid = []
    for recency, label in ((5, "5 (latest)"), (4, "4"), (3, "3"), (2, "2"), (1, "1 (oldest)")):
        row = [scores.get((recency, frequency), nobody) for frequency in (1, 2, 3, 4, 5)]
        # The square root keeps cells visible beside a crowded one. Below .5, text keeps its contrast.
        shades = [f"{0.48 * math.sqrt(cell['customers'] / most):.3f}" for cell in row]
        cells = [(number(c["customers"]), compact(c["revenue"]), s) for c, s in zip(row, shades, strict=True)]
        grid.append((label, cells))
    return grid


def clv(warehouse: Warehouse) -> Section:
    base = warehouse.one(
        "SELECT COUNT(clv) AS valued, SUM(exact(clv)) AS clv, MAX(clv_basis) AS basis, MAX(horizon_days) AS days"
        " FROM customer_clv"
    )
    shapes = "name, count, share, money, share, cents, share, hundredths"
    note = "Still a customer: mean probability (p_alive). Purchase days to come: mean expected in the horizon."
    tiers = warehouse.table("CLV tiers", shapes, warehouse.rows(_CLV_TIERS), note)
    if not base["valued"]:
        words = "No customer has a CLV: the model gave none; see what is missing and why."
        return Section(takeaways=[words], tables=[tiers])
    words = (
        f"{warehouse.money(base['clv'])} are expected of {counted(base['valued'], 'customer')} in the next"
        f" {number(base['days'])} days, counted on {name_of(base['basis'], 30)}."
    )
    others = [
        f"In {number(row['days'])} days it is {warehouse.money(row['clv'])}"
        f" on {number(row['purchases'])} purchase days."
        for row in warehouse.rows(_OTHER_HORIZONS)
    ]
    takeaways = [words, *others, *_total_words(warehouse), *_spend_words(warehouse)]
    section = Section(takeaways=takeaways, tables=[tiers])
    if base["clv"] > 0:
        points = warehouse.rows(_CONCENTRATION)
        if base["valued"] >= 10:
            marks = [_held_by(points, share) for share in (0.1, 0.2)]
            tenth, fifth = (percent(y) for _, y in marks)
            title = f"The most valuable 10% of customers hold {tenth} of all CLV, the top 20% {fifth}."
            words += f" The top 10% hold {tenth} of it."
        else:
            marks = []
            first = percent(points[0]["Share of CLV"])
            title = f"With only {counted(base['valued'], 'customer')}, the most valuable holds {first} of all CLV."
        curve = [(0.0, 0.0), *((row["Top"], row["Share of CLV"]) for row in points)]
        section.charts.append(chart("pareto", "Concentration of CLV", title, 3.1, draw_concentration, curve, marks))
        if base["valued"] >= 100:
            listed = [row for row in points if round(row["Top"] * 100) in (1, 5, 10, 20, 50, 100)]
            section.beside = warehouse.table("Concentration in figures", "round share, count, share", listed)
    else:
        section.takeaways.append(
            "All CLV together is not above zero, so shares of it mean nothing and the curve is left out."
        )
    section.tiles.append(Tile(f"CLV, next {number(base['days'])} days", warehouse.money(base["clv"]), words))
    return section


def _total_words(warehouse: Warehouse) -> list[str]:
    """Purchases expected of all customers together, and how far such a forecast missed the last part of the history."""
    rows = warehouse.rows("SELECT metric, value, note FROM model_quality WHERE model = 'clv' ORDER BY metric")
    quality = {row["metric"]: row["value"] for row in rows}
    notes = {row["metric"]: row["note"] or "" for row in rows}
    method = notes.get("total_method", "")
    total, low, high = (quality.get(f"forecast_purchases{end}") for end in ("", "_low", "_high"))
    words = []
    if low is not None:
        words.append(
            f"Together they are expected to buy on {number(total)} days,"
            f" with 95% certainty on {number(low)} to {number(high)}."
        )
    money_low, money_high, share = (quality.get(f"forecast_clv_{end}") for end in ("low", "high", "ten_largest_share"))
    if money_low is not None and money_high is not None:
        held = f"; the ten largest customers hold {percent(share)} of it" if share is not None else ""
        words.append(
            f"Their CLV together lies with 95% certainty between {warehouse.money(money_low)} and"
            f" {warehouse.money(money_high)}{held}."
        )
    if method:
        words.append(f"The total is forecast by {method}.")
    if "unlike earlier ones" in notes.get("young_ratio", ""):
        ratio = number(quality["young_ratio"] or 0.0, 2)
        words.append(f"{notes['young_ratio'].rpartition('; ')[2].capitalize()}; they buy {ratio} times as often.")
    if (error := quality.get("held_out_error")) and not method.startswith("the regression"):
        words.append(
            "Fitted without the last part of the history, the model missed the purchases of that part by a factor of"
            f" {number(math.exp(error), 2)} more than chance explains: it knows nothing of seasons, growth or closures."
            " The forecast above may be as far off."
        )
    return words


def _spend_words(warehouse: Warehouse) -> list[str]:
    """Why spend is not forecast by the usual model, and why CLV has no interval."""
    notes = warehouse.rows(
        "SELECT note FROM model_quality WHERE model = 'clv' AND metric = 'spend_model' AND note <> 'gamma-gamma'"
    )
    return [f"Spend on a day is not forecast by the usual model (Gamma-Gamma): {row['note']}." for row in notes]


def _held_by(points: Sequence[Row], share: float) -> tuple[float, float]:
    """The last point that holds at most this share of customers."""
    last = [row for row in points if row["Top"] <= share + 1e-9][-1]
    return last["Top"], last["Share of CLV"]


def wilson(share: float, size: int) -> tuple[float, float]:
    """95 % interval of a share seen in `size` customers (Wilson 1927, JASA 22:209)."""
    z = 1.959964
    centre, spread = share + z * z / (2 * size), z * math.sqrt(share * (1 - share) / size + z * z / (4 * size * size))
    scale = 1 + z * z / size
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def churn(warehouse: Warehouse) -> Section:
    base = warehouse.one(
        "SELECT COUNT(*) AS active, COUNT(p_churn) AS scored, SUM(exact(p_churn)) AS leavers,"
        " MAX(horizon_days) AS days, COUNT(*) FILTER (churn_tier = 'high') AS high,"
        " COUNT(*) FILTER (method = 'base_rate') AS alike FROM customer_churn WHERE is_active"
    )
    section = Section()
    if base["scored"]:
        words = (
            f"Of {counted(base['scored'], 'active customer')} about {number(base['leavers'])}"
            f" ({percent(ratio(base['leavers'], base['scored']))}) are expected not to buy in the next"
            f" {number(base['days'])} days."
        )
        section.tiles.append(Tile("Active customers expected to leave", number(base["leavers"]), words))
    else:
        words = f"{counted(base['active'], 'active customer')}, but no churn probability for any tonight."
    if base["alike"]:
        section.takeaways = [words, _no_skill_words(warehouse)]
        return section
    section.takeaways = [words, *_quality_words(warehouse)]
    deciles = warehouse.rows(_CALIBRATION)
    if deciles:
        for row in deciles:
            row["95% interval"] = low, high = wilson(row["Actual"], row["Customers"])
            row["Within"] = "yes" if low <= row["Predicted"] <= high else "no"
        title, words = "Predicted and actual churn by decile", _calibration_words(deciles)
        section.charts.append(chart("calibration", title, words, 3.1, draw_calibration, deciles))
        note = (
            "Within: the prediction lies in the 95% interval (Wilson) of the actual share. By chance alone about one"
            " decile in twenty lies outside; customers drift, so some more do."
        )
        shapes = "count, count, share, share, interval, name"
        section.beside = warehouse.table("Calibration in figures", shapes, deciles, note)
    else:
        section.takeaways.append(warehouse.why_empty("churn_calibration"))
    if base["active"]:
        shapes = "name, count, share, count, money"
        tiers = warehouse.rows(_CHURN_TIERS)
        section.tables.append(warehouse.table("Active customers by risk of leaving", shapes, tiers))
    if base["scored"]:
        _add_reasons(section, warehouse, base["high"])
    return section


def _no_skill_words(warehouse: Warehouse) -> str:
    """Why all active customers have the same probability."""
    notes = warehouse.rows("SELECT note FROM model_quality WHERE model = 'churn' AND metric = 'skill_p_value'")
    why = "".join(f": {row['note'].removeprefix('alarm; ')}" for row in notes)
    return f"Who of them will leave cannot be told{why}."


def _add_reasons(section: Section, warehouse: Warehouse, at_risk: int) -> None:
    """How often each reason contributes to a high risk."""
    rows = warehouse.rows(_REASONS, listed=LISTED)
    if not at_risk:
        section.takeaways.append("No active customer is at high risk tonight.")
    elif rows:
        section.takeaways.append(
            f"The most frequent reason for the high risk of {counted(at_risk, 'active customer')} is"
            f" “{name_of(rows[0]['Reason'])}” ({percent(rows[0]['Share'])} of them)."
        )
        note = (
            "Up to three reasons each; N and M stand for the customer's own figures. Reasons describe the forecast;"
            " they do not prove a cause."
        )
        shapes = "long, count, share, count, tenths"
        section.tables.append(warehouse.table("Why active customers are at high risk", shapes, rows, note))


def _quality_words(warehouse: Warehouse) -> list[str]:
    rows = warehouse.rows("SELECT metric, value FROM model_quality WHERE model = 'churn' AND value IS NOT NULL")
    quality = {row["metric"]: row["value"] for row in rows}
    words = []
    if "auc" in quality:
        words.append(
            "Given one customer who left and one who stayed, the model ranks the leaver higher"
            f" {percent(quality['auc'], 0)} of the time (AUC {number(quality['auc'], 3)}; chance is 0.5)."
        )
    if "brier" in quality:
        score = number(quality["brier"], 4)
        words.append(f"Brier score {score} (mean squared error of the probability; 0 is perfect).")
    return words or ["Tonight's model_quality gives neither AUC nor Brier score for churn."]


def _calibration_words(deciles: Sequence[Row]) -> str:
    customers = sum(row["Customers"] for row in deciles)
    predicted, actual = (sum(row[key] * row["Customers"] for row in deciles) for key in ("Predicted", "Actual"))
    worst = max(deciles, key=lambda row: abs(row["Predicted"] - row["Actual"]))
    gap = worst["Actual"] - worst["Predicted"]
    return (
        f"{percent(predicted / customers)} were predicted to leave, {percent(actual / customers)} did. The forecast"
        f" lies within the sampling error in {sum(row['Within'] == 'yes' for row in deciles)} of"
        f" {counted(len(deciles), 'decile')}; the largest gap is {number(abs(gap) * 100, 1)} points in decile"
        f" {worst['Decile']} ({'more' if gap > 0 else 'fewer'} left than predicted)."
    )


def segments(warehouse: Warehouse) -> Section:
    since = warehouse.one(
        "SELECT CASE WHEN MIN(valid_from) < $night THEN GREATEST(MIN(valid_from), $night - $days) END AS since"
        " FROM customer_segment_history",
        night=warehouse.run_date,
        days=WINDOW_DAYS,
    )["since"]
    rows = warehouse.rows(_SEGMENTS, since=since)
    largest = rows[0]
    section = Section(
        takeaways=[
            f"{counted(sum(row['Customers'] > 0 for row in rows), 'segment')}; the largest is"
            f" {name_of(largest['Segment'], 40)} with {counted(largest['Customers'], 'customer')}"
            f" ({percent(largest['Share of all'])} of all). A customer can be in several."
        ]
    )
    moved = [row for row in rows if row["Entered"] or row["Left"]]
    if since is None:
        section.takeaways.append("Segments were worked out for the first time tonight, so nobody has moved yet.")
    elif not moved:
        section.takeaways.append(f"Nobody has entered or left a segment since {day(since)}.")
    else:
        drawn = sorted(moved, key=lambda row: (-row["Entered"] - row["Left"], row["Segment"]))[:DRAWN]
        net = max(drawn, key=lambda row: (abs(row["Net"]), row["Segment"]))
        words = (
            f"Since {day(since)} the largest net change is in {name_of(net['Segment'], 40)}: {number(net['Entered'])}"
            f" entered, {number(net['Left'])} left ({signed(number, net['Net'])})."
        )
        bars = ([row[key] for row in drawn] for key in ("Segment", "Entered", "Left"))
        height = 0.8 + 0.32 * len(drawn)
        section.charts.append(chart("movement", f"Who moved since {day(since)}", words, height, draw_movement, *bars))
    caption = f"All segments{f', movement since {day(since)}' if since else ''}"
    table = warehouse.table(caption, "name, count, share, count, count, change", rows, folded=len(rows) > 25)
    if section.charts and len(rows) <= 14:
        section.beside = table
    else:
        section.tables.append(table)
    return section

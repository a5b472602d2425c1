"""What promo codes and campaigns achieved."""

from collections.abc import Iterable, Sequence
from functools import partial

from pipelines.report.charts import Chart, chart, draw_effects, draw_promo
from pipelines.report.page import DRAWN, LISTED, Section, Table, Tile, Warehouse
from pipelines.report.slips import waste_and_slips
from pipelines.report.words import (
    NONE,
    Row,
    Show,
    compact,
    counted,
    name_of,
    number,
    percent,
    ratio,
    signed,
    whole_percent,
)

METHODS = {
    "randomised": "randomised: against a randomly drawn control group",
    "before_after": "before/after: against the same customers earlier; this shows a change, not its cause: no ROI",
}
METRICS = {
    "margin_per_customer": "margin per customer",
    "revenue_per_customer": "revenue per customer",
    "orders_per_customer": "orders per customer",
    "buyer_rate": "share who bought",
}
MONEY_METRICS = ("margin_per_customer", "revenue_per_customer")
# Verdicts that say something, and which way; the others show nothing either way.
DIRECTIONS = {
    "pays": "up",
    "sells more, not shown to pay": "up",
    "does not pay": "down",
    "sells less": "down",
    "assignment damaged": None,
}

_PROMO = """
SELECT {key} AS "{heading}", redemptions AS "Used", customers AS "Customers", new_customers AS "New",
    revenue AS "Revenue", discount_amount AS "Discount", cost_amount AS "Cost", incremental_profit AS "Extra profit",
    roi AS "ROI", COALESCE(method, 'not measured') AS "How it is known"
FROM {table}
ORDER BY revenue DESC, {key}
LIMIT $listed
"""


def promo(warehouse: Warehouse) -> Section:
    base = warehouse.one(
        "SELECT COUNT(*) AS codes, SUM(redemptions) AS redemptions, SUM(discount_amount) AS discount,"
        " SUM(revenue) AS revenue, COUNT(*) FILTER (method = 'randomised') AS measured FROM promo_performance"
    )
    discount = ratio(base["discount"], base["revenue"] + base["discount"])
    of_price = "" if discount is None else f", {percent(discount)} of what those purchases would have cost"
    takeaways = [
        f"{counted(base['codes'], 'code')}, redeemed {counted(base['redemptions'], 'time')}; the discount given is"
        f" {warehouse.money(base['discount'])}{of_price}.",
        _measured_words(base["codes"], base["measured"]),
    ]
    codes = _most_revenue(warehouse, "promo_performance", "promo_code", "Code")
    promotions = _most_revenue(warehouse, "promotion_performance", "promotion_id", "Promotion")
    tables = [_promo_table(warehouse, "Promo codes", "promo_performance", codes)]
    if promotions:
        tables.append(_promo_table(warehouse, "Promotions", "promotion_performance", promotions))
    tables += waste_and_slips(warehouse)
    first, drawn = codes[0], codes[:DRAWN]
    words = (
        f"{name_of(first['Code'])} was used on purchases of {warehouse.money(first['Revenue'])} at a discount of"
        f" {warehouse.money(first['Discount'])}; {number(first['New'])} of its"
        f" {counted(first['Customers'], 'customer')} were new."
    )
    names = [row["Code"] for row in drawn]
    revenue, given = ([float(row[key]) for row in drawn] for key in ("Revenue", "Discount"))
    title, height = "Revenue bought with a code, and discount given", 0.6 + 0.42 * len(drawn)
    picture = chart("promo", title, words, height, draw_promo, names, revenue, given)
    return Section(takeaways=takeaways, charts=[picture], tables=tables)


def _measured_words(codes: int, measured: int) -> str:
    if measured == codes:
        return "The effect of every code was measured against customers who did not get it."
    who = "No code was"
    if measured:
        who = f"Only {number(measured)} of {counted(codes, 'code')} {'was' if measured == 1 else 'were'}"
    return (
        f"{who} measured against customers who did not get it. For the others, revenue is what was bought with the"
        " code, not because of it: part would have been bought anyway."
    )


def _most_revenue(warehouse: Warehouse, table: str, key: str, heading: str) -> list[Row]:
    return warehouse.rows(_PROMO.format(table=table, key=key, heading=heading), listed=LISTED)


def _promo_table(warehouse: Warehouse, what: str, table: str, rows: Sequence[Row]) -> Table:
    count = warehouse.count(table)
    left = f": the {len(rows)} with most revenue of {number(count)}" if count > len(rows) else f", all {count}"
    shapes = "short, count, count, count, money, money, money, money, round change, short"
    return warehouse.table(f"{what}{left}", shapes, rows, _method_note(row["How it is known"] for row in rows))


def _method_note(methods: Iterable[str]) -> str:
    """What the methods that occur mean, in one sentence."""
    present = set(methods)
    words = "; ".join(text for method, text in METHODS.items() if method in present)
    return words[:1].upper() + words[1:] + ("." if words else "")


def campaigns(warehouse: Warehouse) -> Section:
    rows = [
        row | {"campaign": _label(row), "direction": DIRECTIONS.get(f"{row['verdict']}")}
        for row in warehouse.rows(
            "SELECT * FROM campaign_effect WHERE segment = 'all'"
            " ORDER BY campaign_id <> 'programme', campaign_id, arm, compared_with, metric"
        )
    ]
    judged = [row for row in rows if row["is_primary"]]
    # A before/after change includes season and everything else. It stands in the table, but not in the chart.
    randomised = [row for row in judged if row["method"] != "before_after"]
    against_control = [row for row in randomised if row["compared_with"] == "control"]
    done = [row for row in against_control if row["is_complete"] and row["campaign_id"] != "programme"]
    section = Section(takeaways=[_campaign_words(randomised, done)])
    if done:
        up = sum(row["direction"] == "up" for row in done)
        label = "Finished campaigns with control that are shown to sell more"
        section.tiles.append(Tile(label, f"{number(up)} of {number(len(done))}", section.takeaways[0]))
    for metric in MONEY_METRICS:
        if drawn := [row for row in randomised if row["metric"] == metric and _has_interval(row)]:
            section.charts.append(_effect_chart(warehouse, drawn, metric))
    if any(not row["is_complete"] for row in randomised):
        words = "Hollow dots are campaigns whose window is still open: early figures mislead."
        section.takeaways.append(words)
    single = warehouse.one("SELECT COUNT(*) AS rows FROM campaign_effect WHERE segment <> 'all'")["rows"]
    if single:
        section.takeaways.append(f"campaign_effect also holds {counted(single, 'figure')} for single segments.")
    if judged:
        note = _method_note(row["method"] for row in judged)
        section.tables.append(_effect_table(warehouse, "What each campaign is judged by", judged, note))
    money = [row for row in rows if row["metric"] == "margin_per_customer" and row["cost_amount"] is not None]
    if money:
        section.tables.append(_roi_table(warehouse, money))
    rest = [row for row in rows if not row["is_primary"]]
    if rest:
        section.tables.append(_effect_table(warehouse, "Effect on other figures, without a verdict", rest, folded=True))
    return section


def _label(row: Row) -> str:
    """The campaign, with its offer and what that is compared with where there are several."""
    name = "All campaigns together" if row["campaign_id"] == "programme" else row["campaign_id"]
    if row["arm"] == "treated" and row["compared_with"] in ("control", "before"):
        return f"{name}"
    return f"{name}: {row['arm']} against {row['compared_with']}"


def _has_interval(row: Row) -> bool:
    return all(row[column] is not None for column in ("effect", "ci_low", "ci_high"))


def _show(warehouse: Warehouse, metric: str) -> Show:
    if metric in MONEY_METRICS:
        return warehouse.cents
    return partial(percent, decimals=2) if metric == "buyer_rate" else partial(number, decimals=3)


def _campaign_words(randomised: Sequence[Row], done: Sequence[Row]) -> str:
    if not randomised:
        return "No campaign has a control group yet: it is not known what campaigns add."
    if not done:
        return f"No campaign's window has closed yet; {counted(len(randomised), 'campaign')} so far, none final."
    counts = {words: sum(row["verdict"] == words for row in done) for words in DIRECTIONS}
    said = [f"{number(count)} {words}" for words, count in counts.items() if count]
    left = len(done) - sum(counts.values())
    if left:
        said.append(f"{number(left)} with nothing shown either way")
    return f"{counted(len(done), 'finished campaign')} with a control group: {'; '.join(said)}."


def _effect_chart(warehouse: Warehouse, drawn: Sequence[Row], metric: str) -> Chart:
    title = f"Effect on {METRICS[metric]}, {warehouse.currency}"
    rows = drawn[: DRAWN + 2]
    words = _best_words(warehouse, drawn, metric)
    return chart(f"effects-{metric}", title, words, 0.9 + 0.42 * len(rows), draw_effects, rows, compact)


def _best_words(warehouse: Warehouse, drawn: Sequence[Row], metric: str) -> str:
    """The campaign whose effect is likely largest, among those that are shown to sell more."""
    up = [row for row in drawn if row["direction"] == "up"]
    if not up:
        return f"No campaign is shown to raise {METRICS[metric]}."
    best, show = max(up, key=_likely), _show(warehouse, metric)
    return (
        f"{name_of(best['campaign'])}: {METRICS[metric]} {signed(show, best['effect'])} against control (95% interval"
        f" {show(best['ci_low'])} to {show(best['ci_high'])}), {number(best['treated_customers'])} treated and"
        f" {number(best['control_customers'])} control customers."
    )


def _likely(row: Row) -> tuple[float, str]:
    """What to rank by: the largest of many raw effects is large by luck, too."""
    value = row["effect"] if row["shrunken_effect"] is None else row["shrunken_effect"]
    return float(value), f"{row['campaign']}"


def _effect_table(
    warehouse: Warehouse, caption: str, rows: Sequence[Row], note: str = "", folded: bool = False
) -> Table:
    """Effects with the figure that each is on."""
    cells = []
    for row in rows:
        show = _show(warehouse, row["metric"])
        cells.append(
            (
                name_of(row["campaign"]),
                METRICS[row["metric"]],
                f"{number(row['treated_customers'])} / {number(row['control_customers'])}" + _pending(row),
                f"{show(row['treated_mean'])} / {show(row['control_mean'])}",
                signed(show, row["effect"] if row["change"] is None else row["change"]),
                f"{show(row['ci_low'])} to {show(row['ci_high'])}" if row["ci_low"] is not None else NONE,
                NONE if row["verdict"] is None else name_of(row["verdict"]),
                f"{number(row['window_days'])} days, {'closed' if row['is_complete'] else 'open'}",
                name_of(row["method"]),
            )
        )
    columns = (
        "Treated / control",
        "Mean of each",
        "Effect or change",
        "95% interval",
        "Verdict",
        "Window",
        "How it is known",
    )
    return Table(caption, ("Campaign", "Figure", *columns), "ttnnnnttt", cells, note, folded=folded)


def _pending(row: Row) -> str:
    """How many customers are in no figure yet, as their window is still open."""
    return f", {number(row['pending_customers'])} pending" if row["pending_customers"] else ""


def _roi_table(warehouse: Warehouse, rows: Sequence[Row]) -> Table:
    """Cost, profit and ROI, one row a campaign and offer."""
    cells = []
    for row in rows:
        roi, low, high = (
            signed(whole_percent, row["roi"]),
            whole_percent(row["roi_low"]),
            whole_percent(row["roi_high"]),
        )
        known = roi if NONE in (roi, low, high) else f"{roi} ({low} to {high})"
        money = warehouse.money(row["cost_amount"]), warehouse.cents(row["break_even_effect"])
        cells.append((name_of(row["campaign"]), *money, warehouse.money(row["incremental_profit"]), known))
    headings = ("Campaign", "Cost", "Break-even effect", "Extra profit", "ROI (95% interval)")
    note = (
        "The break-even effect is the cost per treated customer. ROI = (extra profit less cost) / cost; unknown without"
        " margin or a comparison group, while the window is open, and if the assignment is damaged."
    )
    return Table("What campaigns cost and earned", headings, "tnnnn", cells, note)

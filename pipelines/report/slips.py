"""Tables below the promo codes: money that is not shown to pay, and slips in price."""

from pipelines.report.page import LISTED, Table, Warehouse

_WASTE = """
SELECT subject_id AS "Campaign or promotion", subject_kind AS "Kind", verdict AS "Verdict",
    COALESCE(reason, '') AS "Why", cost_amount AS "Cost", discount_amount AS "Discount", wasted_amount AS "Surely lost"
FROM spend_waste
WHERE verdict <> 'pays'
ORDER BY verdict <> 'waste', money_rank, subject_kind, subject_id, arm
LIMIT $listed
"""
_SLIPS = """
SELECT STRFTIME(business_month, '%Y-%m') AS "Month", finding AS "Finding", slip_count AS "Slips",
    subject_count AS "Products or codes", lost_amount AS "Lost", overcharged_amount AS "Overcharged"
FROM price_slip_monthly
ORDER BY business_month DESC, lost_amount DESC NULLS LAST, finding
LIMIT $listed
"""


def waste_and_slips(warehouse: Warehouse) -> list[Table]:
    """A table each of what has rows."""
    tables = []
    if waste := warehouse.rows(_WASTE, listed=LISTED):
        note = (
            "Waste is only what surely brought less than it cost. All else may pay or may not: who redeems a code"
            " chooses to, and without a control group nobody knows what they would have bought anyway."
        )
        shapes = "short, short, short, short, money, money, money"
        tables.append(warehouse.table("Not shown to pay, most money first", shapes, waste, note))
    if slips := warehouse.rows(_SLIPS, listed=LISTED):
        note = "Findings overlap, so that they do not add up; price_slip has the products, codes and a receipt each."
        shapes = "short, short, count, count, money, money"
        tables.append(warehouse.table("Slips in price, newest months first", shapes, slips, note, folded=True))
    return tables

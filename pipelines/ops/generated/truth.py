"""What is true of the generated retailer as of a night, for tests to hold what is published against.

It is read off the purchases, lots and arms that were planted, not off the extracts: nothing here joins accounts, links
returns or tells which points are spent first. The pipeline never reads it.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class PlantedEffect:
    """What a campaign caused, per treated customer, in orders and in cents.

    Attributes:
        treated: customers of the arm.
        orders: orders within the window that there would not have been.
        revenue: revenue of these less the discounts that the campaign's code gave.
        margin: the same after tax and cost of goods.
    """

    treated: int
    orders: float
    revenue: float
    margin: float


@dataclass(frozen=True)
class Truth:
    """The planted truth as of a night's end; people are named by their first account, money is in cents.

    Attributes:
        person: first account of the person behind each account.
        effects: what each campaign with a control group caused.
        points: points to spend, of each person with a lot posted.
        next_expiry: first day in the next 31 after which points are gone, and how many.
        closed: (customer, channel) to whom nothing may be sent.
        store_revenue: sales less returns of each store, without gift cards.
        margin: of all receipts.
        purchase_days: days of each person of which not all came back.
        return_of: sale of each return, named or not.
        codes: redemptions, customers and discount of each code.
        nps: answers, promoters and detractors by everybody's last answer of a year.
        open_tickets: tickets that wait for an answer.
        views: pages seen in the last 90 days by visitors who logged in.
    """

    person: dict[str, str]
    effects: dict[str, PlantedEffect]
    points: dict[str, int]
    next_expiry: dict[str, tuple[date, int]]
    closed: set[tuple[str, str]]
    store_revenue: dict[str, int]
    margin: int
    purchase_days: dict[str, int]
    return_of: dict[str, str]
    codes: dict[str, tuple[int, int, int]]
    nps: tuple[int, int, int]
    open_tickets: int
    views: int


def truth_as_of(con: DuckDBPyConnection, night: date) -> Truth:
    """The truth as of a night, of a database in which generated_demo.make_retailer made its tables.

    The night is the second or a later one: on the first, no card has changed hands yet, and a few second accounts show
    in nothing.
    """

    def rows(sql: str) -> list[tuple[Any, ...]]:
        return con.execute(sql).fetchall()

    con.execute(f"SET VARIABLE night = DATE '{night}'")
    con.execute(_KNOWN_SQL)
    return Truth(
        person=dict(rows(_PERSON_SQL)),
        effects={campaign: PlantedEffect(*effect) for campaign, *effect in rows(_EFFECT_SQL)},
        points=dict(rows(_POINTS_SQL)),
        next_expiry={customer: (day, points) for customer, day, points in rows(_NEXT_EXPIRY_SQL)},
        closed=set(rows(_CLOSED_SQL)),
        store_revenue=dict(rows("SELECT store_id, SUM(revenue) FROM known_receipt GROUP BY store_id")),
        margin=int(rows("SELECT SUM(margin) FROM known_receipt")[0][0]),
        purchase_days=dict(rows(_PURCHASE_DAYS_SQL)),
        return_of=dict(rows("SELECT receipt_id, sale_receipt_id FROM known_receipt WHERE operation = 'return'")),
        codes={code: (redeemed, customers, discount) for code, redeemed, customers, discount in rows(_CODES_SQL)},
        nps=rows(_NPS_SQL)[0][:3],
        open_tickets=int(rows(_OPEN_TICKETS_SQL)[0][0]),
        views=int(rows(_VIEWS_SQL)[0][0]),
    )


# Receipts that have come and are not voided, signed.
_KNOWN_SQL = """
CREATE OR REPLACE TEMP TABLE known_receipt AS
SELECT
    r.receipt_id, r.tid, r.pid, p.customer_id, r.operation, r.campaign_id, r.day, r.store_id,
    SUM(CASE WHEN s.is_gift_card THEN 0 ELSE s.amount * sign.of END) AS revenue,
    SUM(CASE WHEN s.is_gift_card THEN 0 ELSE (s.amount - s.tax - s.cost) * sign.of END) AS margin,
    'R' || t.sale_tid AS sale_receipt_id, t.sale_tid
FROM receipt AS r
INNER JOIN sold_line AS s ON r.tid = s.tid
INNER JOIN (VALUES ('sale', 1), ('return', -1)) AS sign (operation, of) ON r.operation = sign.operation
LEFT JOIN person AS p ON r.pid = p.pid
LEFT JOIN return_trip AS t ON r.tid = t.tid
WHERE r.landed_on <= getvariable('night') AND (r.voided_on IS NULL OR r.voided_on > getvariable('night'))
GROUP BY ALL;
"""


_PERSON_SQL = """
SELECT account_id, customer_id FROM account WHERE registered_on <= getvariable('night')
"""


_EFFECT_SQL = """
WITH bought AS (
    SELECT campaign_id, COUNT(*) AS orders, SUM(revenue) AS revenue, SUM(margin) AS margin
    FROM known_receipt
    WHERE campaign_id IS NOT NULL
    GROUP BY campaign_id
),

given_away AS (  -- and the tax that is not due on it
    SELECT
        'spring_code' AS campaign_id, SUM(s.code_discount) AS revenue,
        SUM(
            s.code_discount
            - ((s.amount + s.code_discount) * s.tax_rate + (1000 + s.tax_rate) // 2) // (1000 + s.tax_rate) + s.tax
        ) AS margin
    FROM used_code AS u
    INNER JOIN sold_line AS s ON u.tid = s.tid
    WHERE u.promo_code = 'SPRING15'
)

SELECT
    m.campaign_id,
    m.treated,
    COALESCE(b.orders, 0) / m.treated,
    (COALESCE(b.revenue, 0) - COALESCE(g.revenue, 0)) / m.treated,
    (COALESCE(b.margin, 0) - COALESCE(g.margin, 0)) / m.treated
FROM (
    SELECT campaign_id, COUNT(*) FILTER (WHERE arm = 'treated') AS treated
    FROM member GROUP BY campaign_id HAVING COUNT(DISTINCT arm) = 2
) AS m
LEFT JOIN bought AS b ON m.campaign_id = b.campaign_id
LEFT JOIN given_away AS g ON m.campaign_id = g.campaign_id
"""


_POINTS_SQL = """
SELECT p.customer_id, CAST(SUM(CASE
    WHEN l.spent_on <= getvariable('night') OR l.expires_on <= getvariable('night') THEN 0 ELSE l.points END) AS BIGINT)
FROM spent_lot AS l
INNER JOIN person AS p ON l.pid = p.pid
WHERE l.posted_on <= getvariable('night')
GROUP BY p.customer_id
"""


_NEXT_EXPIRY_SQL = """
SELECT p.customer_id, l.expires_on, CAST(SUM(l.points) AS BIGINT)
FROM spent_lot AS l
INNER JOIN person AS p ON l.pid = p.pid
WHERE
    l.posted_on <= getvariable('night') AND COALESCE(l.spent_on > getvariable('night'), TRUE)
    AND l.expires_on > getvariable('night') AND l.expires_on <= getvariable('night') + 31
GROUP BY p.customer_id, l.expires_on
QUALIFY ROW_NUMBER() OVER (PARTITION BY p.customer_id ORDER BY l.expires_on) = 1
"""


_CLOSED_SQL = """
SELECT p.customer_id, c.channel
FROM person AS p
CROSS JOIN (VALUES ('email'), ('sms'), ('push'), ('messenger'), ('call'), ('ads')) AS c (channel)
LEFT JOIN consent AS o ON p.pid = o.pid AND c.channel = o.channel
WHERE o.pid IS NULL OR o.taken_back_on <= getvariable('night') OR p.deleted_on <= getvariable('night')
UNION
SELECT p.customer_id, m.channel
FROM message AS m
INNER JOIN person AS p ON m.pid = p.pid
WHERE m.unsubscribed_at < getvariable('night') + 1
UNION
SELECT p.customer_id, c.channel
FROM suppression AS s
INNER JOIN person AS p ON s.pid = p.pid
CROSS JOIN (VALUES ('email'), ('sms'), ('push'), ('messenger'), ('call'), ('ads')) AS c (channel)
WHERE s.since_on <= getvariable('night') AND COALESCE(s.channel, c.channel) = c.channel
"""


_PURCHASE_DAYS_SQL = """
WITH by_sale AS (  -- a return counts on the day of its sale
    SELECT
        r.customer_id, COALESCE(s.day, r.day) AS day, SUM(r.revenue) AS kept
    FROM known_receipt AS r
    LEFT JOIN known_receipt AS s ON r.sale_tid = s.tid
    WHERE r.customer_id IS NOT NULL
    GROUP BY r.customer_id, COALESCE(s.day, r.day)
)

SELECT customer_id, COUNT(*) FROM by_sale WHERE kept > 0 GROUP BY customer_id
"""


_CODES_SQL = """
SELECT
    u.promo_code, COUNT(DISTINCT k.tid), COUNT(DISTINCT k.pid), CAST(SUM(s.code_discount) AS BIGINT)
FROM used_code AS u
INNER JOIN known_receipt AS k ON u.tid = k.tid
INNER JOIN sold_line AS s ON u.tid = s.tid
GROUP BY u.promo_code
"""


_NPS_SQL = """
SELECT COUNT(*), COUNT(*) FILTER (WHERE score >= 9), COUNT(*) FILTER (WHERE score <= 6)
FROM (
    SELECT score, day FROM answer
    WHERE kind = 'nps' AND day <= getvariable('night')
    QUALIFY ROW_NUMBER() OVER (PARTITION BY pid ORDER BY answered_at DESC, response_id DESC) = 1
)
WHERE day > getvariable('night') - 365
"""


_OPEN_TICKETS_SQL = """
SELECT COUNT(*) FROM ticket
WHERE opened_on <= getvariable('night') AND (closed_on IS NULL OR closed_on > getvariable('night'))
"""


_VIEWS_SQL = """
SELECT COUNT(*) FROM visit_event
WHERE
    customer_id IS NOT NULL AND kind = 'view'
    AND day <= getvariable('night') AND day > getvariable('night') - 90
"""

"""The points of the generated retailer: five a euro, posted after a fortnight, spent all at once, gone after a year."""

from duckdb import DuckDBPyConnection

# A lot is what one purchase (or a goodwill) earned. It is spent as a whole or not at all, so that which lot is spent
# follows from dates alone. A person's accounts are one pot, as they are for whoever joins them.
_LOT_SQL = """
CREATE TABLE lot AS
SELECT
    CONCAT('E', r.tid) AS entry_id, r.tid, r.pid, r.account_id, 'earn' AS kind,
    (r.amount - r.gift_card_amount) // 100 * 5 AS points,
    r.day + 14 AS posted_on,
    r.day + 14 + 365 AS expires_on
FROM receipt AS r
WHERE
    r.operation = 'sale' AND r.pid IS NOT NULL AND NOT r.is_till AND r.voided_on IS NULL
    AND r.amount - r.gift_card_amount >= 100
    AND r.tid NOT IN (SELECT sale_tid FROM return_trip)
    AND r.day + 14 <= getvariable('last_day')
UNION ALL
SELECT
    CONCAT('A', ticket_id) AS entry_id, NULL AS tid, pid, account_id, 'adjust' AS kind, 200 AS points,
    closed_on AS posted_on, NULL AS expires_on
FROM ticket
WHERE closed_on IS NOT NULL AND closed_on <= getvariable('last_day') AND has_goodwill;

-- Grain: receipt on which a person would pay with all their points, once a day at most.
CREATE TABLE spending AS
SELECT r.tid, r.pid, r.account_id, r.day, r.issued_at, r.amount - r.gift_card_amount AS payable
FROM receipt AS r
WHERE
    r.operation = 'sale' AND r.pid IS NOT NULL AND NOT r.is_till AND r.voided_on IS NULL
    AND chance('spender', r.pid, 6000) AND chance('spends', r.tid, 2200)
    AND r.tid NOT IN (SELECT sale_tid FROM return_trip) AND r.landed_on = landing_day(r.day)
QUALIFY ROW_NUMBER() OVER (PARTITION BY r.pid, r.day ORDER BY r.tid) = 1;
"""


# A lot goes at the first spending from its posting on, unless it has expired by then. A point pays a cent.
_SPENT_SQL = """
CREATE OR REPLACE TABLE spent_lot AS
SELECT
    l.*,
    CASE WHEN l.expires_on IS NULL OR s.day <= l.expires_on THEN s.tid END AS spent_tid,
    CASE WHEN l.expires_on IS NULL OR s.day <= l.expires_on THEN s.day END AS spent_on
FROM lot AS l
ASOF LEFT JOIN spending AS s ON l.pid = s.pid AND l.posted_on <= s.day;
"""


_TOO_MUCH_SQL = """
SELECT p.tid
FROM (SELECT spent_tid AS tid, SUM(points) AS points FROM spent_lot WHERE spent_tid IS NOT NULL GROUP BY spent_tid) AS p
INNER JOIN spending AS s ON p.tid = s.tid
WHERE p.points > s.payable
"""


# The ledger posts what expired in a month on the first of the next: until then only the dates of the lots tell.
_LEDGER_SQL = """
CREATE TABLE ledger AS
SELECT
    entry_id, account_id, pid, CONCAT('R', tid) AS receipt_id, kind, points, at_minute(posted_on, 180) AS posted_at,
    expires_on
FROM lot WHERE tid IS NOT NULL
UNION ALL
SELECT entry_id, account_id, pid, NULL, kind, points, at_minute(posted_on, 180), NULL FROM lot WHERE tid IS NULL
UNION ALL
SELECT
    CONCAT('S', s.tid), s.account_id, s.pid, CONCAT('R', s.tid), 'spend', -SUM(l.points), s.issued_at, NULL
FROM spent_lot AS l
INNER JOIN spending AS s ON l.spent_tid = s.tid
GROUP BY s.tid, s.account_id, s.pid, s.issued_at
UNION ALL
SELECT
    CONCAT('X', account_id, '-', STRFTIME(expires_on, '%Y%m')), account_id, pid, NULL, 'expire', -SUM(points),
    at_minute(DATE_TRUNC('month', expires_on) + INTERVAL 1 MONTH, 120), NULL
FROM spent_lot
WHERE spent_tid IS NULL AND DATE_TRUNC('month', expires_on) + INTERVAL 1 MONTH <= getvariable('last_day')
GROUP BY account_id, pid, STRFTIME(expires_on, '%Y%m'), DATE_TRUNC('month', expires_on);

CREATE TABLE paid_with_points AS
SELECT spent_tid AS tid, SUM(points) AS points FROM spent_lot WHERE spent_tid IS NOT NULL GROUP BY spent_tid;
"""


def make_points(con: DuckDBPyConnection) -> None:
    """Make the tables of the points: spent_lot (each lot and its end), ledger and paid_with_points.

    Who cannot pay with all of their points, because the receipt is smaller, keeps them: that changes what they have the
    next time, so it is worked out until nobody pays too much.
    """
    con.execute(_LOT_SQL)
    con.execute(_SPENT_SQL)
    while too_much := con.execute(_TOO_MUCH_SQL).fetchall():
        con.execute("DELETE FROM spending WHERE tid IN (SELECT UNNEST(?))", [[tid for (tid,) in too_much]])
        con.execute(_SPENT_SQL)
    con.execute(_LEDGER_SQL)

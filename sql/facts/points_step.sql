-- What befell the point accounts, in order: corrections, spending, expiries that the ledger posts, grants, expiries.
-- Grain: customer_id, takings, kind and lot. points_mark and points_account are worked out of it.
WITH step AS (
    SELECT
        customer_id,
        takings,
        kind,
        lot,
        is_in_order,
        moved_month,
        points
    FROM points_posting
    UNION ALL
    SELECT DISTINCT
        customer_id,
        expired_takings AS takings,
        5 AS kind,
        lot,
        is_in_order,
        expires_month AS moved_month,
        0 AS points
    FROM points_posting
    WHERE expired_takings IS NOT NULL
    UNION ALL
    SELECT DISTINCT  -- which lots there are
        customer_id,
        0 AS takings,
        0 AS kind,
        lot,
        is_in_order,
        CAST(NULL AS DATE) AS moved_month,
        0 AS points
    FROM points_posting
    WHERE NOT is_in_order AND lot > 0
    UNION ALL
    SELECT DISTINCT  -- and what has expired and is not posted (-1), and the balance (0)
        p.customer_id,
        0 AS takings,
        0 AS kind,
        b.lot,
        p.is_in_order,
        CAST(NULL AS DATE) AS moved_month,
        0 AS points
    FROM points_posting AS p
    CROSS JOIN (VALUES (-1), (0)) AS b (lot)
    WHERE NOT p.is_in_order
)

SELECT
    customer_id,
    CAST(takings AS BIGINT) AS takings,
    CAST(kind AS INTEGER) AS kind,
    CAST(lot AS BIGINT) AS lot,
    is_in_order,
    moved_month,
    CAST(SUM(points) AS DECIMAL(38, 3)) AS points
FROM step
GROUP BY customer_id, takings, kind, lot, is_in_order, moved_month

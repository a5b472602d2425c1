-- What became of the points that were granted in a month: spent, expired, taken back, or still there to be spent.
-- Grain: customer_id, granted_month, fate, moved_month, expires_month and expires_date.
WITH lot AS (
    SELECT DISTINCT
        customer_id,
        lot,
        moved_month AS granted_month,
        expires_month,
        due_date
    FROM points_posting
    WHERE lot > 0
),

part AS (  -- of a taking, and of what is left, each lot's own
    SELECT
        customer_id,
        kind,
        lot,
        moved_month,
        points - CASE
            WHEN kind < 4 AND lot > 0
                THEN COALESCE(LAG(points) OVER (PARTITION BY customer_id, takings, kind, lot > 0 ORDER BY lot), 0)
            ELSE 0
        END AS points
    FROM points_account
    UNION ALL
    SELECT
        customer_id,
        kind,
        lot,
        moved_month,
        points
    FROM points_queue
)

SELECT
    p.customer_id,
    l.granted_month,
    CASE p.kind
        WHEN 0 THEN 'left'
        WHEN 1 THEN 'corrected'
        WHEN 2 THEN 'spent'
        WHEN 4 THEN 'overdraft'
        ELSE 'expired'
    END AS fate,
    p.moved_month,
    CASE WHEN p.kind = 0 THEN l.expires_month END AS expires_month,
    CASE WHEN p.kind = 0 THEN l.due_date END AS expires_date,
    CAST(SUM(p.points) AS DECIMAL(38, 3)) AS points,
    n.run_date AS landing_date
FROM part AS p
CROSS JOIN night AS n
LEFT JOIN lot AS l ON p.customer_id = l.customer_id AND p.lot = l.lot
WHERE p.points > 0
GROUP BY ALL

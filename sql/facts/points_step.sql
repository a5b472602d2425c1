-- What befell, in order, the accounts of which points have come to their expiry: customer_points is worked out of it.
-- Grain: customer_id, takings, kind and lot. Points that expire between the same two takings are one lot.
WITH posting AS (
    SELECT
        COALESCE(i.customer_id, p.customer_id) AS customer_id,
        p.kind,
        p.points,
        p.posted_at,
        CASE WHEN p.points < 0 THEN 1 ELSE 0 END AS taking,  -- spending, or an expiry that the ledger posts
        CASE
            WHEN p.points > 0 AND p.expires_date <= n.run_date THEN GREATEST(p.expires_at, p.posted_at)
        END AS expires_at
    FROM points_ledger AS p
    INNER JOIN night AS n ON p.posted_date <= n.run_date
    LEFT JOIN customer_identity AS i ON p.customer_id = i.source_customer_id
    WHERE p.points <> 0
),

placed AS (  -- of one moment, points are granted before any are taken, and expire after that
    SELECT
        p.customer_id,
        SUM(p.taking) OVER (PARTITION BY p.customer_id ORDER BY p.posted_at, p.taking) AS takings,
        CASE WHEN p.taking = 0 THEN 3 WHEN p.kind = 'expire' THEN 2 ELSE 1 END AS kind,
        CASE
            WHEN p.taking = 1 OR p.expires_at IS NULL THEN 1000000000
            ELSE
                1 + SUM(p.taking) OVER (
                    PARTITION BY p.customer_id
                    ORDER BY CASE WHEN p.taking = 1 THEN p.posted_at ELSE p.expires_at END, 1 - p.taking
                )
        END AS lot,
        p.points
    FROM posting AS p SEMI JOIN posting AS e ON p.customer_id = e.customer_id AND e.expires_at IS NOT NULL
)

SELECT
    customer_id,
    CAST(takings AS BIGINT) AS takings,
    kind,
    CAST(lot AS BIGINT) AS lot,
    CAST(SUM(points) AS DECIMAL(38, 3)) AS points
FROM placed
GROUP BY customer_id, takings, kind, lot
UNION ALL
SELECT DISTINCT  -- the expiry of a lot
    customer_id,
    CAST(lot - 1 AS BIGINT) AS takings,
    4 AS kind,
    CAST(lot AS BIGINT) AS lot,
    CAST(0 AS DECIMAL(38, 3)) AS points
FROM placed
WHERE lot < 1000000000

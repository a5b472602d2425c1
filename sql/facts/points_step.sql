-- What befell, in order, the accounts of which points have come to their expiry: customer_points is worked out of it.
-- Grain: customer_id, takings_before, kind and lot. Points that expire between the same two takings are one lot.
WITH posting AS (
    SELECT
        COALESCE(i.customer_id, p.customer_id) AS customer_id,
        p.kind,
        p.points,
        p.posted_at,
        CASE
            WHEN p.points > 0 AND p.expires_date <= n.run_date THEN GREATEST(p.expires_at, p.posted_at)
        END AS expires_at
    FROM points_ledger AS p
    INNER JOIN night AS n ON p.posted_date <= n.run_date
    LEFT JOIN customer_identity AS i ON p.customer_id = i.source_customer_id
    WHERE p.points <> 0
),

taking AS (  -- of spending and of expiries that the ledger posts
    SELECT
        customer_id,
        LIST_SORT(LIST(posted_at)) AS taken_at
    FROM posting
    WHERE points < 0
    GROUP BY customer_id
),

placed AS (  -- after how many takings; of one moment, points are granted before any are taken, and expire after that
    SELECT
        p.customer_id,
        COALESCE(ARRAY_LENGTH(LIST_FILTER(t.taken_at, x -> x < p.posted_at)), 0) AS takings_before,
        CASE WHEN p.points > 0 THEN 1 WHEN p.kind = 'expire' THEN 4 ELSE 3 END AS kind,
        CASE
            WHEN p.expires_at IS NULL THEN 1000000000  -- points that have not come to their expiry
            ELSE 1 + COALESCE(ARRAY_LENGTH(LIST_FILTER(t.taken_at, x -> x <= p.expires_at)), 0)
        END AS lot,
        p.points
    FROM posting AS p SEMI JOIN posting AS e ON p.customer_id = e.customer_id AND e.expires_at IS NOT NULL
    LEFT JOIN taking AS t ON p.customer_id = t.customer_id
)

SELECT
    customer_id,
    takings_before,
    kind,
    lot,
    CAST(SUM(points) AS DECIMAL(38, 3)) AS points
FROM placed
GROUP BY customer_id, takings_before, kind, lot
UNION ALL
SELECT DISTINCT  -- the expiry of a lot
    customer_id,
    lot - 1 AS takings_before,
    2 AS kind,
    lot,
    CAST(0 AS DECIMAL(38, 3)) AS points
FROM placed
WHERE lot < 1000000000

-- What befell, in order, the accounts of which points have come to their expiry, or will in the next 31 days.
-- Grain: customer_id, takings, kind and lot. Points that expire between the same two takings are one lot; what expires
-- in the next 31 days is one lot a day, 500000000 and the days until then. expired_points is worked out of it.
WITH posting AS (  -- by day, so that an account has no more takings than days, however often a till uses it
    SELECT
        COALESCE(i.customer_id, p.customer_id) AS customer_id,
        CASE WHEN p.points > 0 THEN 3 WHEN p.kind = 'expire' THEN 2 ELSE 1 END AS kind,
        CASE WHEN p.points < 0 THEN 1 ELSE 0 END AS taking,  -- spending, or an expiry that the ledger posts
        p.posted_date,
        CASE
            WHEN p.points > 0 AND p.expires_date <= n.run_date THEN GREATEST(p.expires_date, p.posted_date)
        END AS expires_date,
        CASE
            WHEN p.points > 0 AND p.expires_date > n.run_date AND p.expires_date <= n.run_date + 31
                THEN DATE_DIFF('day', n.run_date, p.expires_date)
        END AS days_left,
        SUM(p.points) AS points
    FROM points_ledger AS p
    INNER JOIN night AS n ON p.posted_date <= n.run_date
    LEFT JOIN customer_identity AS i ON p.customer_id = i.source_customer_id
    WHERE p.points <> 0
    GROUP BY ALL
),

placed AS (  -- of one day, points are granted before any are taken, and expire after that
    SELECT
        p.customer_id,
        SUM(p.taking) OVER (PARTITION BY p.customer_id ORDER BY p.posted_date, p.taking) AS takings,
        p.kind,
        CASE
            WHEN p.days_left IS NOT NULL THEN 500000000 + p.days_left
            WHEN p.expires_date IS NULL THEN 1000000000
            ELSE
                1 + SUM(p.taking) OVER (
                    PARTITION BY p.customer_id ORDER BY COALESCE(p.expires_date, p.posted_date), 1 - p.taking
                )
        END AS lot,
        p.points
    FROM posting AS p SEMI JOIN posting AS e
        ON p.customer_id = e.customer_id AND (e.expires_date IS NOT NULL OR e.days_left IS NOT NULL)
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
SELECT DISTINCT  -- the expiry of a lot, or that it will expire
    customer_id,
    CAST(lot - 1 AS BIGINT) AS takings,
    CASE WHEN lot < 500000000 THEN 4 ELSE 5 END AS kind,
    CAST(lot AS BIGINT) AS lot,
    CAST(0 AS DECIMAL(38, 3)) AS points
FROM placed
WHERE lot < 1000000000

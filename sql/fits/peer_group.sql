-- What comparable customers spend in a year: the amount that three in four of them do not exceed.
-- Grain: tenure_band, order_band and region (*: all regions together) with minimum_compared customers.
WITH shopper AS (
    SELECT
        p.tenure_band,
        p.order_band,
        p.region,
        p.revenue_365d
    FROM customer_peer AS p
    LEFT JOIN service_account AS s ON p.customer_id = s.customer_id
    WHERE s.customer_id IS NULL
),

peer AS (
    SELECT
        tenure_band,
        order_band,
        region,
        revenue_365d
    FROM shopper
    WHERE region IS NOT NULL
    UNION ALL
    SELECT
        tenure_band,
        order_band,
        '*' AS region,
        revenue_365d
    FROM shopper
),

counted AS (
    SELECT
        tenure_band,
        order_band,
        region,
        COUNT(*) AS customer_count
    FROM peer
    GROUP BY tenure_band, order_band, region
),

ranked AS (
    SELECT
        tenure_band,
        order_band,
        region,
        revenue_365d,
        RANK() OVER (PARTITION BY tenure_band, order_band, region ORDER BY revenue_365d) AS revenue_rank
    FROM peer
)

SELECT
    r.tenure_band,
    r.order_band,
    r.region,
    c.customer_count,
    MAX(CASE WHEN (r.revenue_rank - 1) * 4 < c.customer_count * 3 THEN r.revenue_365d END) AS upper_revenue
FROM ranked AS r
INNER JOIN counted AS c ON r.tenure_band = c.tenure_band AND r.order_band = c.order_band AND r.region = c.region
INNER JOIN compared AS k ON c.customer_count >= k.minimum_compared
GROUP BY r.tenure_band, r.order_band, r.region, c.customer_count
ORDER BY r.tenure_band, r.order_band, r.region

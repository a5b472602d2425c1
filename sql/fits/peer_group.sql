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

ordered AS (
    SELECT
        tenure_band,
        order_band,
        region,
        revenue_365d,
        COUNT(*) OVER (PARTITION BY tenure_band, order_band, region) AS customer_count,
        COUNT(*) OVER (PARTITION BY tenure_band, order_band, region ORDER BY revenue_365d) AS up_to_count
    FROM peer
)

SELECT
    o.tenure_band,
    o.order_band,
    o.region,
    o.customer_count,
    MIN(CASE WHEN o.up_to_count * 4 >= o.customer_count * 3 THEN o.revenue_365d END) AS upper_revenue
FROM ordered AS o
INNER JOIN compared AS k ON o.customer_count >= k.minimum_compared
GROUP BY o.tenure_band, o.order_band, o.region, o.customer_count
ORDER BY o.tenure_band, o.order_band, o.region

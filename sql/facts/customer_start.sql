-- What each customer bought in the 90 and 180 days after the day of their first order, returns taken off.
-- Grain: customer with an order. Days that have not come yet count as far as they are known.
WITH first_day AS (
    SELECT
        customer_id,
        MIN(CASE WHEN order_count > 0 THEN business_date END) AS first_order_date
    FROM customer_day
    GROUP BY customer_id
),

later AS (  -- a row a day, of which each window has its part
    SELECT
        f.customer_id,
        f.first_order_date,
        d.order_count,
        d.net_revenue,
        d.gross_margin,
        d.business_date > f.first_order_date AND d.business_date <= f.first_order_date + 90 AS is_in_90,
        d.business_date > f.first_order_date AND d.business_date <= f.first_order_date + 180 AS is_in_180
    FROM first_day AS f
    INNER JOIN customer_day AS d ON f.customer_id = d.customer_id
    WHERE f.first_order_date IS NOT NULL
)

SELECT
    later.customer_id,
    later.first_order_date,
    CAST(SUM(CASE WHEN is_in_90 THEN order_count ELSE 0 END) AS INTEGER) AS order_count_90d,
    CAST(SUM(CASE WHEN is_in_90 THEN net_revenue ELSE 0 END) AS DECIMAL(18, 2)) AS revenue_90d,
    CAST(
        CASE
            WHEN COUNT(CASE WHEN is_in_90 AND gross_margin IS NULL THEN 1 END) = 0
                THEN SUM(CASE WHEN is_in_90 THEN gross_margin ELSE 0 END)
        END AS DECIMAL(18, 2)
    ) AS gross_margin_90d,
    CAST(SUM(CASE WHEN is_in_180 THEN order_count ELSE 0 END) AS INTEGER) AS order_count_180d,
    CAST(SUM(CASE WHEN is_in_180 THEN net_revenue ELSE 0 END) AS DECIMAL(18, 2)) AS revenue_180d,
    CAST(
        CASE
            WHEN COUNT(CASE WHEN is_in_180 AND gross_margin IS NULL THEN 1 END) = 0
                THEN SUM(CASE WHEN is_in_180 THEN gross_margin ELSE 0 END)
        END AS DECIMAL(18, 2)
    ) AS gross_margin_180d,
    MAX(night.run_date) AS landing_date
FROM later
CROSS JOIN night
GROUP BY later.customer_id, later.first_order_date

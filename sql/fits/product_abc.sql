-- ABC of products by share of revenue, and XYZ by how evenly they sell, over twelve periods of 30 days up to tonight.
-- Grain: product with a line in the last 360 days.
WITH dated AS (
    SELECT
        d.product_id,
        DATE_DIFF('day', d.business_date, n.run_date) // 30 AS period_number,
        DATE_DIFF('day', d.business_date, n.run_date) < 90 AS is_recent,
        d.revenue,
        d.quantity
    FROM product_day AS d
    INNER JOIN night AS n ON d.business_date > n.run_date - 360
),

period AS (
    SELECT
        product_id,
        period_number,
        SUM(revenue) AS revenue,
        CAST(SUM(quantity) AS DECIMAL(15, 3)) AS quantity,
        SUM(CASE WHEN is_recent THEN quantity ELSE 0 END) AS recent_quantity
    FROM dated
    GROUP BY product_id, period_number
),

summed AS (
    SELECT
        product_id,
        CAST(SUM(revenue) AS DECIMAL(18, 2)) AS revenue,
        CAST(GREATEST(SUM(revenue), 0) AS DECIMAL(18, 2)) AS positive_revenue,
        CAST(SUM(quantity) AS DOUBLE) AS quantity,
        CAST(SUM(CAST(quantity AS DECIMAL(38, 3)) * quantity) AS DOUBLE) AS squared_quantity,
        CAST(SUM(recent_quantity) AS DECIMAL(18, 3)) AS quantity_90d,
        MAX(period_number) + 1 AS period_count
    FROM period
    GROUP BY product_id
),

placed AS (
    SELECT
        *,
        CAST(SUM(positive_revenue) OVER () AS DECIMAL(18, 2)) AS all_revenue,
        CAST(
            SUM(positive_revenue) OVER (ORDER BY positive_revenue DESC)
            - SUM(positive_revenue) OVER (PARTITION BY positive_revenue) AS DECIMAL(18, 2)
        ) AS revenue_ahead,
        CASE
            WHEN period_count >= 6 AND quantity > 0
                THEN ROUND(SQRT(GREATEST(
                    CAST(period_count * squared_quantity AS DOUBLE) / NULLIF(quantity * quantity, 0) - 1, 0
                )), 6)
        END AS quantity_variation
    FROM summed
)

SELECT
    product_id,
    revenue AS revenue_360d,
    CAST(positive_revenue AS DOUBLE) / NULLIF(all_revenue, 0) AS revenue_share,
    CASE
        WHEN positive_revenue = 0 THEN 'C'
        WHEN revenue_ahead * 100 < all_revenue * 80 THEN 'A'
        WHEN revenue_ahead * 100 < all_revenue * 95 THEN 'B'
        ELSE 'C'
    END AS abc_class,
    period_count,
    quantity_variation,
    CASE
        WHEN quantity_variation <= 0.5 THEN 'X'
        WHEN quantity_variation <= 1 THEN 'Y'
        WHEN quantity_variation > 1 THEN 'Z'
    END AS xyz_class,
    quantity_90d
FROM placed
ORDER BY product_id

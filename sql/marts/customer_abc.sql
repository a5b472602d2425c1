-- ABC of customers by share of revenue and of margin, and XYZ by how evenly they spend, over the last 360 days.
-- Grain: customer with a receipt in the last 360 days; service accounts are left out.
WITH amount AS (
    SELECT
        *,
        CAST(GREATEST(revenue_360d, 0) AS DECIMAL(18, 2)) AS positive_revenue,
        CAST(GREATEST(COALESCE(gross_margin_360d, 0), 0) AS DECIMAL(18, 2)) AS positive_margin
    FROM customer_variation
),

placed AS (  -- what customers strictly ahead bring: equal ones share a class
    SELECT
        *,
        CAST(SUM(positive_revenue) OVER () AS DECIMAL(18, 2)) AS all_revenue,
        CAST(
            SUM(positive_revenue) OVER (ORDER BY positive_revenue DESC)
            - SUM(positive_revenue) OVER (PARTITION BY positive_revenue) AS DECIMAL(18, 2)
        ) AS revenue_ahead,
        CAST(SUM(positive_margin) OVER () AS DECIMAL(18, 2)) AS all_margin,
        CAST(
            SUM(positive_margin) OVER (ORDER BY positive_margin DESC)
            - SUM(positive_margin) OVER (PARTITION BY positive_margin) AS DECIMAL(18, 2)
        ) AS margin_ahead
    FROM amount
)

SELECT
    customer_id,
    revenue_360d,
    gross_margin_360d,
    CAST(positive_revenue AS DOUBLE) / NULLIF(all_revenue, 0) AS revenue_share,
    CASE
        WHEN positive_revenue = 0 THEN 'C'
        WHEN revenue_ahead * 100 < all_revenue * 80 THEN 'A'
        WHEN revenue_ahead * 100 < all_revenue * 95 THEN 'B'
        ELSE 'C'
    END AS abc_class,
    CASE
        WHEN gross_margin_360d IS NULL THEN NULL
        WHEN positive_margin = 0 THEN 'C'
        WHEN margin_ahead * 100 < all_margin * 80 THEN 'A'
        WHEN margin_ahead * 100 < all_margin * 95 THEN 'B'
        ELSE 'C'
    END AS margin_abc_class,
    period_count,
    revenue_variation,
    CASE
        WHEN revenue_variation <= 0.5 THEN 'X'
        WHEN revenue_variation <= 1 THEN 'Y'
        WHEN revenue_variation > 1 THEN 'Z'
    END AS xyz_class,
    CASE
        WHEN period_count < 6 THEN 'under_6_periods'
        WHEN revenue_360d <= 0 OR period_count IS NULL THEN 'no_revenue'
    END AS xyz_reason
FROM placed

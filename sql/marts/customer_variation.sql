-- What customers brought in twelve periods of 30 days up to tonight, and how evenly they spent it over them.
-- Grain: customer with a receipt in the last 360 days; service accounts are left out.
WITH dated AS (
    SELECT
        d.customer_id,
        FLOOR(CAST(DATE_DIFF('day', d.business_date, n.run_date) AS DOUBLE) / 30) AS period_number,
        d.net_revenue,
        d.gross_margin
    FROM customer_day AS d
    INNER JOIN night AS n ON DATE_DIFF('day', d.business_date, n.run_date) BETWEEN 0 AND 359
    LEFT JOIN service_account AS s ON d.customer_id = s.customer_id
    WHERE s.customer_id IS NULL
),

period AS (
    SELECT
        customer_id,
        period_number,
        CAST(SUM(net_revenue) AS DECIMAL(15, 2)) AS revenue,
        CASE WHEN COUNT(*) = COUNT(gross_margin) THEN SUM(gross_margin) END AS gross_margin
    FROM dated
    GROUP BY customer_id, period_number
),

summed AS (
    SELECT
        customer_id,
        CAST(SUM(revenue) AS DECIMAL(18, 2)) AS revenue,
        CAST(SUM(CAST(revenue AS DECIMAL(38, 2)) * revenue) AS DOUBLE) AS squared_revenue,
        CAST(CASE WHEN COUNT(*) = COUNT(gross_margin) THEN SUM(gross_margin) END AS DECIMAL(18, 2)) AS gross_margin
    FROM period
    GROUP BY customer_id
),

known AS (
    SELECT
        s.customer_id,
        s.revenue,
        s.squared_revenue,
        s.gross_margin,
        CASE
            WHEN t.first_order_date IS NOT NULL
                THEN LEAST(1 + DATE_DIFF('day', t.first_order_date, n.run_date) // 30, 12)
        END AS period_count
    FROM summed AS s
    CROSS JOIN night AS n
    LEFT JOIN customer_totals AS t ON s.customer_id = t.customer_id
)

-- The squared coefficient of variation is n Σ x² / (Σ x)² - 1, with periods without a purchase among the n.
SELECT
    customer_id,
    revenue AS revenue_360d,
    gross_margin AS gross_margin_360d,
    period_count,
    CASE
        WHEN period_count >= 6 AND revenue > 0
            THEN ROUND(
                SQRT(
                    GREATEST(
                        CAST(period_count * squared_revenue AS DOUBLE)
                        / NULLIF(CAST(revenue AS DOUBLE) * CAST(revenue AS DOUBLE), 0) - 1, 0
                    )
                ), 6
            )
    END AS revenue_variation
FROM known

-- Exact sums of what the arms of a draw of the global control group bought, with squares and cubes of each customer's.
-- Grain: draw, arm, metric and month; month_date is NULL for all months of the draw together.
WITH during AS (
    SELECT *
    FROM drawn_purchase
    WHERE month_date IS NOT NULL
),

stretched AS (
    SELECT
        draw_number,
        customer_id,
        CAST(NULL AS DATE) AS month_date,
        SUM(order_count) AS order_count,
        SUM(revenue) AS revenue,
        SUM(costed_margin) AS costed_margin,
        SUM(uncosted_revenue) AS uncosted_revenue
    FROM during
    GROUP BY draw_number, customer_id
    UNION ALL
    SELECT
        draw_number,
        customer_id,
        month_date,
        order_count,
        revenue,
        costed_margin,
        uncosted_revenue
    FROM during
),

valued AS (  -- of so few digits that a cube is exact
    SELECT
        stretched.*,
        drawn.arm,
        metric.metric,
        CAST(
            CASE metric.metric
                WHEN 'orders_per_customer' THEN CAST(stretched.order_count AS DECIMAL(18, 2))
                WHEN 'revenue_per_customer'
                    THEN GREATEST(LEAST(stretched.revenue, 9999999999), -9999999999)
                ELSE GREATEST(LEAST(stretched.costed_margin, 9999999999), -9999999999)
            END AS DECIMAL(12, 2)
        ) AS v
    FROM stretched
    INNER JOIN drawn_customer AS drawn
        ON stretched.draw_number = drawn.draw_number AND stretched.customer_id = drawn.customer_id
    CROSS JOIN (
        VALUES ('orders_per_customer'), ('revenue_per_customer'), ('margin_per_customer')
    ) AS metric (metric)
)

SELECT
    draw_number,
    arm,
    metric,
    month_date,
    CAST(SUM(revenue) AS DECIMAL(38, 2)) AS revenue,
    CAST(SUM(uncosted_revenue) AS DECIMAL(38, 2)) AS uncosted_revenue,
    CAST(SUM(v) AS DECIMAL(38, 4)) AS sum_v,
    CAST(SUM(CAST(v AS DECIMAL(38, 2)) * v) AS DECIMAL(38, 4)) AS sum_vv,
    CAST(SUM(CAST(v AS DECIMAL(38, 2)) * v * v) AS DECIMAL(38, 6)) AS sum_vvv
FROM valued
GROUP BY draw_number, arm, metric, month_date

-- How many customers a draw of the global control group has in each arm, and how many of the active ones it lost.
-- Grain: draw and arm. Active: with an order in the active days before the draw. Churned: active, and without an order
-- in the churn horizon that ends with the draw's last month.
WITH bought AS (
    SELECT
        draw_number,
        customer_id,
        MAX(CASE WHEN month_date IS NULL THEN last_order_date END) AS last_before_date,
        MAX(CASE WHEN month_date IS NOT NULL THEN last_order_date END) AS last_during_date
    FROM drawn_purchase
    GROUP BY draw_number, customer_id
)

SELECT
    drawn.draw_number,
    drawn.arm,
    COUNT(*) AS customers,
    COUNT(CASE WHEN bought.last_before_date >= draw.from_date - 30 THEN 1 END) AS recent_buyers,
    COUNT(bought.last_before_date) AS active_customers,
    COUNT(
        CASE
            WHEN
                bought.last_before_date IS NOT NULL
                AND COALESCE(bought.last_during_date <= draw.kept_to - night.churn_horizon_days, TRUE)
                THEN 1
        END
    ) AS churned_customers
FROM drawn_customer AS drawn
INNER JOIN draw ON drawn.draw_number = draw.draw_number
CROSS JOIN night
LEFT JOIN bought ON drawn.draw_number = bought.draw_number AND drawn.customer_id = bought.customer_id
GROUP BY drawn.draw_number, drawn.arm

-- How often customers have stayed away between two days with an order, and within how long 19 of 20 times had ended.
-- Grain: customer with orders on two days or more.
WITH gap AS (
    SELECT
        customer_id,
        DATE_DIFF('day', business_date, next_order_date) AS gap_days,
        COUNT(*) AS times
    FROM customer_day
    WHERE next_order_date IS NOT NULL
    GROUP BY customer_id, DATE_DIFF('day', business_date, next_order_date)
),

counted AS (
    SELECT
        customer_id,
        gap_days,
        SUM(times) OVER (PARTITION BY customer_id ORDER BY gap_days) AS times_so_far,
        SUM(times) OVER (PARTITION BY customer_id) AS gap_count
    FROM gap
)

SELECT
    counted.customer_id,
    CAST(MAX(counted.gap_count) AS BIGINT) AS gap_count,
    MIN(CASE WHEN 20 * counted.times_so_far >= 19 * counted.gap_count THEN counted.gap_days END) AS long_gap_days,
    night.run_date AS landing_date
FROM counted
CROSS JOIN night
GROUP BY counted.customer_id, night.run_date

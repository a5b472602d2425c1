-- Runs of days with an order in which a customer never ceased to be active, and when they are lost after each.
-- Grain: customer and start_date.
WITH ordered AS (
    SELECT
        customer_id,
        business_date,
        LAG(business_date) OVER (PARTITION BY customer_id ORDER BY business_date) AS earlier_date
    FROM customer_day
    WHERE order_count > 0
),

numbered AS (
    SELECT
        o.customer_id,
        o.business_date,
        n.active_days,
        SUM(CASE WHEN DATE_DIFF('day', o.earlier_date, o.business_date) <= n.active_days THEN 0 ELSE 1 END)
            OVER (PARTITION BY o.customer_id ORDER BY o.business_date) AS run_number,
        COUNT(o.earlier_date) OVER (PARTITION BY o.customer_id ORDER BY o.business_date) AS gap_count,
        MIN(o.business_date) OVER (PARTITION BY o.customer_id) AS first_order_date
    FROM ordered AS o
    CROSS JOIN night AS n
),

bought AS (
    SELECT
        customer_id,
        active_days,
        first_order_date,
        MIN(business_date) AS start_date,
        MAX(business_date) AS end_date,
        MAX(gap_count) AS gap_count
    FROM numbered
    GROUP BY customer_id, active_days, first_order_date, run_number
),

silent AS (  -- as in RFM: one in a thousand of those who buy at random at their mean gap stays away for 6.9 gaps
    SELECT
        *,
        CAST(
            CEIL(
                CAST(6.907755 * DATE_DIFF('day', first_order_date, end_date) AS DOUBLE) / NULLIF(gap_count, 0)
            ) AS INTEGER
        ) AS rhythm_days
    FROM bought
)

SELECT
    customer_id,
    start_date,
    CAST(start_date + active_days AS DATE) AS settled_date,
    CAST(end_date + active_days AS DATE) AS lapse_date,
    CAST(end_date + GREATEST(2 * active_days, LEAST(365, COALESCE(rhythm_days, 365))) AS DATE) AS lost_date,
    start_date = first_order_date AS is_first
FROM silent

-- Probability to place no order in the horizon after the origin, and who placed none. Baseline: the share that left
-- after the earlier origin, among customers with as many weeks since their last order.
-- Grain: active customer with a forecast.
WITH known AS (  -- as known at the origin
    SELECT
        d.customer_id,
        MAX(d.business_date) AS last_order_date,
        MAX(CASE WHEN d.business_date <= w.earlier_as_of_date THEN d.business_date END) AS earlier_last_order_date
    FROM days_known_at_origin AS d
    CROSS JOIN outcome_window AS w
    WHERE d.order_count > 0
    GROUP BY d.customer_id
),

last_order AS (  -- at the origin, and at the earlier one, whose horizon ended on the day of the origin
    SELECT
        k.customer_id,
        DATE_DIFF('day', k.last_order_date, w.as_of_date) AS days_since_order,
        DATE_DIFF('day', k.earlier_last_order_date, w.earlier_as_of_date) AS earlier_days_since_order,
        CASE WHEN k.last_order_date < w.last_from_date THEN 1 ELSE 0 END AS has_left
    FROM known AS k
    CROSS JOIN outcome_window AS w
),

active AS (
    SELECT
        c.customer_id,
        g.first_order_quarter,
        g.rfm_segment,
        c.p_churn,
        o.days_since_order
    FROM customer_churn AS c
    INNER JOIN customer_group AS g ON c.customer_id = g.customer_id
    LEFT JOIN last_order AS o ON c.customer_id = o.customer_id
    WHERE c.is_active AND c.p_churn IS NOT NULL
),

earlier AS (  -- customers who were no longer silent than those with a forecast
    SELECT
        FLOOR(CAST(o.earlier_days_since_order AS DOUBLE) / 7) AS weeks,
        o.has_left
    FROM last_order AS o
    LEFT JOIN left_out AS l ON o.customer_id = l.customer_id
    WHERE l.customer_id IS NULL AND o.earlier_days_since_order <= (SELECT MAX(days_since_order) FROM active)
),

by_week AS (
    SELECT
        weeks,
        COUNT(*) AS customers,
        CAST(SUM(has_left) AS DOUBLE) / NULLIF(COUNT(*), 0) AS left_share
    FROM earlier
    GROUP BY weeks
),

overall AS (SELECT CAST(SUM(has_left) AS DOUBLE) / NULLIF(COUNT(*), 0) AS left_share FROM earlier),

ordered AS (
    SELECT DISTINCT d.customer_id
    FROM days_known_now AS d
    INNER JOIN outcome_window AS w ON d.business_date BETWEEN w.label_from_date AND w.label_to_date
    WHERE d.order_count > 0
)

SELECT
    a.first_order_quarter,
    a.rfm_segment,
    a.p_churn AS predicted,
    CAST(CASE WHEN r.customer_id IS NULL THEN 1 ELSE 0 END AS DOUBLE) AS actual,
    COALESCE(b.left_share, t.left_share) AS baseline
FROM active AS a
CROSS JOIN outcome_window AS w
CROSS JOIN overall AS t
LEFT JOIN by_week AS b ON FLOOR(CAST(a.days_since_order AS DOUBLE) / 7) = b.weeks AND w.minimum_customers <= b.customers
LEFT JOIN ordered AS r ON a.customer_id = r.customer_id
ORDER BY a.customer_id

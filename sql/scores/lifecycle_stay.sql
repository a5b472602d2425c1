-- Stays of each customer in the stages of the lifecycle: a pure function of the days with an order.
-- Grain: customer and from_date. What lies after tonight is what comes if no order does.
WITH followed AS (
    SELECT
        *,
        LEAD(start_date) OVER (PARTITION BY customer_id ORDER BY start_date) AS next_date,
        LAG(lost_date) OVER (PARTITION BY customer_id ORDER BY start_date) < start_date AS is_back
    FROM lifecycle_run
),

stay AS (
    SELECT
        customer_id,
        CASE WHEN is_first THEN 'new' ELSE 'reactivated' END AS lifecycle_stage,
        start_date AS from_date,
        settled_date AS until_date
    FROM followed
    WHERE is_first OR is_back
    UNION ALL
    SELECT
        customer_id,
        'active' AS lifecycle_stage,
        CASE WHEN is_first OR is_back THEN settled_date ELSE start_date END AS from_date,
        lapse_date AS until_date
    FROM followed
    UNION ALL
    SELECT
        customer_id,
        'lapsing' AS lifecycle_stage,
        lapse_date AS from_date,
        LEAST(lost_date, COALESCE(next_date, lost_date)) AS until_date
    FROM followed
    UNION ALL
    SELECT
        customer_id,
        'lost' AS lifecycle_stage,
        lost_date AS from_date,
        next_date AS until_date
    FROM followed
),

dated AS (
    SELECT
        *,
        CAST(DATE_TRUNC('month', from_date) AS DATE) AS from_month,
        CAST(DATE_TRUNC('month', until_date) AS DATE) AS until_month
    FROM stay
    WHERE until_date IS NULL OR from_date < until_date
)

SELECT
    d.customer_id,
    d.lifecycle_stage,
    d.from_date,
    d.until_date,
    d.from_month,
    d.until_month,
    COALESCE(d.until_month > d.from_month, TRUE) AS has_month_end,
    LAG(d.lifecycle_stage) OVER (
        PARTITION BY d.customer_id, COALESCE(d.until_month > d.from_month, TRUE) ORDER BY d.from_date
    ) AS earlier_stage,
    n.run_date AS landing_date
FROM dated AS d
CROSS JOIN night AS n

-- How customers moved between the stages of the lifecycle in each complete month.
-- Grain: month, stage at the end of the month before (no_order before the first order) and at the month's end.
WITH stay AS (
    SELECT
        CASE WHEN s.lifecycle_stage = 'new' AND p.is_left_censored THEN 'active' ELSE s.lifecycle_stage END
            AS lifecycle_stage,
        CASE
            WHEN s.earlier_stage = 'new' AND p.is_left_censored THEN 'active'
            ELSE COALESCE(s.earlier_stage, 'no_order')
        END AS earlier_stage,
        s.from_month,
        s.until_month
    FROM lifecycle_stay AS s
    LEFT JOIN customer_purchase_pattern AS p ON s.customer_id = p.customer_id
    LEFT JOIN service_account AS a ON s.customer_id = a.customer_id
    WHERE s.has_month_end AND a.customer_id IS NULL
),

counted AS (
    SELECT
        lifecycle_stage,
        earlier_stage,
        from_month,
        until_month,
        COUNT(*) AS customers
    FROM stay
    GROUP BY lifecycle_stage, earlier_stage, from_month, until_month
),

month_of_data AS (
    SELECT DISTINCT CAST(DATE_TRUNC('month', c.business_date) AS DATE) AS month_date
    FROM calendar AS c
    INNER JOIN night AS n ON DATE_TRUNC('month', c.business_date) < DATE_TRUNC('month', n.run_date + 1)
),

moved AS (
    SELECT
        m.month_date,
        CASE WHEN c.from_month = m.month_date THEN c.earlier_stage ELSE c.lifecycle_stage END AS from_stage,
        c.lifecycle_stage AS to_stage,
        SUM(c.customers) AS customers
    FROM month_of_data AS m
    INNER JOIN counted AS c
        ON m.month_date >= c.from_month AND m.month_date < COALESCE(c.until_month, DATE '9999-12-31')
    GROUP BY
        m.month_date,
        CASE WHEN c.from_month = m.month_date THEN c.earlier_stage ELSE c.lifecycle_stage END,
        c.lifecycle_stage
)

SELECT
    month_date,
    from_stage,
    to_stage,
    CAST(customers AS BIGINT) AS customers,
    CAST(customers AS DOUBLE) / NULLIF(SUM(customers) OVER (PARTITION BY month_date, from_stage), 0)
        AS from_stage_share
FROM moved

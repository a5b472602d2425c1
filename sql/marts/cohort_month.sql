-- What the customers of a month of first order, or of enrolment, bought in each month since.
-- Grain: kind of cohort, its month and the month of buying, from the cohort's (or the data's first) to tonight's.
WITH business_month AS (
    SELECT
        period_start AS business_month,
        is_complete,
        MIN(period_start) OVER () AS first_month
    FROM membership_period
    WHERE period = 'month' AND cut = 'all'
),

cell AS (
    SELECT
        s.cohort_kind,
        s.cohort_month,
        m.business_month,
        (EXTRACT(YEAR FROM m.business_month) - EXTRACT(YEAR FROM s.cohort_month)) * 12
        + EXTRACT(MONTH FROM m.business_month) - EXTRACT(MONTH FROM s.cohort_month) AS months_since,
        m.is_complete,
        s.cohort_month >= m.first_month AS is_seen_whole,
        s.customers,
        s.maybe_older_customers,
        COALESCE(c.buyers, 0) AS buyers,
        COALESCE(c.orders, 0) AS orders,
        COALESCE(c.revenue, 0) AS revenue,
        CASE WHEN c.cohort_kind IS NULL THEN 0 ELSE c.gross_margin END AS gross_margin
    FROM cohort_size AS s
    INNER JOIN business_month AS m ON s.cohort_month <= m.business_month
    LEFT JOIN cohort_cell AS c
        ON s.cohort_kind = c.cohort_kind AND s.cohort_month = c.cohort_month AND m.business_month = c.business_month
)

SELECT
    cohort_kind,
    cohort_month,
    business_month,
    CAST(months_since AS BIGINT) AS months_since,
    is_complete,
    is_seen_whole,
    customers,
    maybe_older_customers,
    buyers,
    CAST(buyers AS DOUBLE) / NULLIF(customers, 0) AS buyer_rate,
    orders,
    CAST(revenue AS DECIMAL(38, 2)) AS revenue,
    CAST(gross_margin AS DECIMAL(38, 2)) AS gross_margin,
    CASE WHEN is_seen_whole THEN CAST(SUM(orders) OVER to_date AS BIGINT) END AS orders_to_date,
    CASE WHEN is_seen_whole THEN CAST(SUM(revenue) OVER to_date AS DECIMAL(38, 2)) END AS revenue_to_date,
    CASE
        WHEN is_seen_whole AND COUNT(*) OVER to_date = COUNT(gross_margin) OVER to_date
            THEN CAST(SUM(gross_margin) OVER to_date AS DECIMAL(38, 2))
    END AS gross_margin_to_date,
    CAST(CASE WHEN is_seen_whole THEN SUM(revenue) OVER to_date END AS DOUBLE) / NULLIF(customers, 0)
        AS revenue_per_customer_to_date
FROM cell
WINDOW to_date AS (
    PARTITION BY cohort_kind, cohort_month
    ORDER BY business_month
    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
)

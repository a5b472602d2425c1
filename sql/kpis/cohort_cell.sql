-- What the customers of a month of first order, or of enrolment, bought in each month that is worked out.
-- Grain: kind of cohort, its month and the month of buying.
WITH member AS (
    SELECT
        k.cohort_kind,
        CASE k.cohort_kind WHEN 'first_order' THEN c.first_order_date ELSE c.enrolled_date END AS begun_date,
        c.period_start,
        c.receipts,
        c.revenue,
        c.gross_margin,
        c.unknown_margins
    FROM customer_cut AS c
    CROSS JOIN (VALUES ('first_order'), ('enrolment')) AS k (cohort_kind)
    WHERE c.cut = 'all' AND c.period = 'month' AND c.customer_id IS NOT NULL
)

SELECT
    cohort_kind,
    CAST(DATE_TRUNC('month', begun_date) AS DATE) AS cohort_month,
    period_start AS business_month,
    COUNT(CASE WHEN receipts > 0 THEN 1 END) AS buyers,
    CAST(SUM(receipts) AS BIGINT) AS orders,
    CAST(SUM(revenue) AS DECIMAL(38, 2)) AS revenue,
    CASE WHEN SUM(unknown_margins) = 0 THEN CAST(SUM(gross_margin) AS DECIMAL(38, 2)) END AS gross_margin
FROM member
WHERE begun_date IS NOT NULL
GROUP BY cohort_kind, CAST(DATE_TRUNC('month', begun_date) AS DATE), period_start

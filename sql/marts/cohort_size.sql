-- Customers by the month of their first order, and by that of their enrolment.
-- Grain: kind of cohort and its month. Whoever ordered first within 180 days of the data's beginning may be older.
WITH member AS (
    SELECT
        'first_order' AS cohort_kind,
        first_order_date AS begun_date,
        is_left_censored
    FROM customer_purchase_pattern
    UNION ALL
    SELECT
        'enrolment' AS cohort_kind,
        c.enrolled_date AS begun_date,
        COALESCE(p.is_left_censored, FALSE) AS is_left_censored
    FROM customer AS c
    INNER JOIN night AS n ON c.enrolled_date <= n.run_date
    LEFT JOIN customer_purchase_pattern AS p ON c.customer_id = p.customer_id
)

SELECT
    cohort_kind,
    CAST(DATE_TRUNC('month', begun_date) AS DATE) AS cohort_month,
    COUNT(*) AS customers,
    COUNT(CASE WHEN is_left_censored THEN 1 END) AS maybe_older_customers
FROM member
GROUP BY cohort_kind, CAST(DATE_TRUNC('month', begun_date) AS DATE)

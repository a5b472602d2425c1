-- What CLV models need: days between a customer's first, last and tonight, and the days and net spend after the first.
-- Grain: customer with an order. A purchase day is a day with net spend above 0; NULLs where there is none.
WITH beginning AS (
    SELECT MIN(business_date) AS data_start_date FROM order_fact
),

pattern AS (
    SELECT
        customer_id,
        MIN(CASE WHEN order_count > 0 THEN business_date END) AS first_order_date,
        MAX(CASE WHEN order_count > 0 THEN business_date END) AS last_order_date,
        MIN(CASE WHEN net_revenue > 0 THEN business_date END) AS first_purchase_date,
        MAX(CASE WHEN net_revenue > 0 THEN business_date END) AS last_purchase_date,
        COUNT(CASE WHEN net_revenue > 0 THEN 1 END) AS purchase_day_count,
        SUM(CASE WHEN net_revenue > 0 THEN net_revenue END) AS purchase_revenue
    FROM customer_day
    GROUP BY customer_id
)

SELECT
    p.customer_id,
    p.first_order_date,
    p.last_order_date,
    p.first_purchase_date,
    p.last_purchase_date,
    CASE WHEN p.purchase_day_count > 0 THEN p.purchase_day_count - 1 END AS frequency,
    DATE_DIFF('day', p.first_purchase_date, p.last_purchase_date) AS recency_days,
    DATE_DIFF('day', p.first_purchase_date, n.run_date) AS age_days,
    CASE WHEN p.purchase_day_count > 1 THEN p.purchase_revenue - f.net_revenue END AS repeat_revenue,
    DATE_DIFF('day', b.data_start_date, p.first_order_date) <= 180 AS is_left_censored
FROM pattern AS p
INNER JOIN night AS n ON p.first_order_date <= n.run_date
CROSS JOIN beginning AS b
LEFT JOIN customer_day AS f ON p.customer_id = f.customer_id AND p.first_purchase_date = f.business_date

-- What the CLV models are fitted on: first and last purchase day, purchase days and net spend after the first.
-- Grain: customer with an order. A purchase day is a day with net spend above 0; NULL without one.
WITH beginning AS (
    SELECT MIN(business_date) AS data_start_date FROM receipt_fact
)

SELECT
    t.customer_id,
    t.first_order_date,
    t.last_order_date,
    t.first_purchase_date,
    t.last_purchase_date,
    CASE WHEN t.purchase_day_count > 0 THEN t.purchase_day_count - 1 END AS frequency,
    DATE_DIFF('day', t.first_purchase_date, t.last_purchase_date) AS recency_days,
    DATE_DIFF('day', t.first_purchase_date, n.run_date) AS age_days,
    t.repeat_revenue,
    DATE_DIFF('day', b.data_start_date, t.first_order_date) <= 180 AS is_left_censored
FROM customer_totals AS t
INNER JOIN night AS n ON t.first_order_date <= n.run_date
CROSS JOIN beginning AS b

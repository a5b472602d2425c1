-- What CLV and the next order are forecast from, and whether the customer counts in totals and drift.
-- Grain: customer with an order, in the order of their ids.
SELECT
    p.customer_id,
    p.frequency,
    p.recency_days,
    p.age_days,
    p.repeat_revenue,
    s.customer_id IS NULL AS is_shopper
FROM customer_purchase_pattern AS p
LEFT JOIN service_account AS s ON p.customer_id = s.customer_id
ORDER BY p.customer_id

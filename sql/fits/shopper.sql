-- Customers who have bought, or a fixed random part of them: CLV's champion and challenger are compared on them.
-- Grain: customer with a purchase day; no service account.
SELECT
    p.customer_id,
    p.frequency,
    p.recency_days,
    p.age_days,
    p.repeat_revenue
FROM customer_purchase_pattern AS p
INNER JOIN sample_bound AS b ON b.md5_bound >= SUBSTRING(MD5(p.customer_id), 17, 8)
LEFT JOIN service_account AS s ON p.customer_id = s.customer_id
WHERE p.frequency IS NOT NULL AND s.customer_id IS NULL

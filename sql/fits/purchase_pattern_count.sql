-- How many customers have bought as often, for as long and since as long: what the model of buying is fitted on.
-- Grain: frequency, recency_days and age_days; service accounts are left out.
SELECT
    p.frequency,
    p.recency_days,
    p.age_days,
    COUNT(*) AS customer_count
FROM customer_purchase_pattern AS p
LEFT JOIN service_account AS s ON p.customer_id = s.customer_id
WHERE p.frequency IS NOT NULL AND s.customer_id IS NULL
GROUP BY p.frequency, p.recency_days, p.age_days
ORDER BY p.frequency, p.recency_days, p.age_days

-- What shoppers had bought by a past day, and what they bought after it until tonight: forecasts are held against it.
-- Grain: shopper with a purchase day by then. A purchase day is a day with net spend above 0.
WITH bought AS (
    SELECT
        d.customer_id,
        d.business_date,
        d.net_spend,
        p.as_of_date,
        d.business_date <= p.as_of_date AS is_known,
        MIN(d.business_date) OVER (PARTITION BY d.customer_id) AS first_purchase_date
    FROM customer_day AS d
    INNER JOIN shopper AS s ON d.customer_id = s.customer_id
    CROSS JOIN pattern_date AS p
    WHERE d.net_spend > 0
)

SELECT
    customer_id,
    COUNT(CASE WHEN is_known THEN 1 END) - 1 AS frequency,
    DATE_DIFF('day', first_purchase_date, MAX(CASE WHEN is_known THEN business_date END)) AS recency_days,
    DATE_DIFF('day', first_purchase_date, as_of_date) AS age_days,
    CAST(SUM(CASE WHEN is_known AND business_date > first_purchase_date THEN net_spend ELSE 0 END) AS DOUBLE)
        AS repeat_revenue,
    COUNT(CASE WHEN NOT is_known THEN 1 END) AS purchase_days,
    CAST(SUM(CASE WHEN NOT is_known THEN net_spend ELSE 0 END) AS DOUBLE) AS spend
FROM bought
WHERE first_purchase_date <= as_of_date
GROUP BY customer_id, first_purchase_date, as_of_date
ORDER BY customer_id

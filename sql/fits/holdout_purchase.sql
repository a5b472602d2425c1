-- What shoppers had bought by a past day, and what they bought after it until tonight: forecasts are held against it.
-- Grain: shopper with a purchase day by then, a day with net spend above 0: by returns known then or, after it, now.
WITH spent AS (
    SELECT
        d.customer_id,
        d.business_date,
        p.as_of_date,
        d.business_date <= p.as_of_date AS is_known,
        CASE
            WHEN d.business_date <= p.as_of_date THEN GREATEST(d.sale_revenue - COALESCE(t.revenue, 0), 0)
            ELSE d.net_spend
        END AS net_spend
    FROM customer_day AS d
    INNER JOIN shopper AS s ON d.customer_id = s.customer_id
    CROSS JOIN pattern_date AS p
    LEFT JOIN taken_back AS t
        ON d.customer_id = t.customer_id AND d.business_date = t.business_date AND p.as_of_date = t.as_of_date
),

bought AS (
    SELECT
        *,
        MIN(business_date) OVER (PARTITION BY customer_id) AS first_purchase_date
    FROM spent
    WHERE net_spend > 0
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

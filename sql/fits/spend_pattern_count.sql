-- How many customers have bought again as often, and spent as much a day: what the model of spend is fitted on.
-- Grain: frequency and mean_repeat_value; service accounts are left out.
WITH repeat_buyer AS (
    SELECT
        p.frequency,
        CAST(p.repeat_revenue AS DOUBLE) / NULLIF(p.frequency, 0) AS mean_repeat_value
    FROM customer_purchase_pattern AS p
    LEFT JOIN service_account AS s ON p.customer_id = s.customer_id
    WHERE p.frequency > 0 AND s.customer_id IS NULL
)

SELECT
    frequency,
    mean_repeat_value,
    COUNT(*) AS customer_count
FROM repeat_buyer
GROUP BY frequency, mean_repeat_value
ORDER BY frequency, mean_repeat_value

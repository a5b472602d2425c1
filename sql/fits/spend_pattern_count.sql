-- How many customers have bought again as often, and spent as much a day, and the squares of what their days brought.
-- Grain: frequency and mean_repeat_value; service accounts are left out. The model of spend is fitted on them.
WITH repeat_buyer AS (
    SELECT
        p.frequency,
        CAST(p.repeat_revenue AS DOUBLE) / NULLIF(p.frequency, 0) AS mean_repeat_value,
        SUM(CAST(d.net_spend AS DECIMAL(38, 2)) * CAST(d.net_spend AS DECIMAL(38, 2))) AS squared_value
    FROM customer_purchase_pattern AS p
    INNER JOIN customer_day AS d ON p.customer_id = d.customer_id AND p.first_purchase_date < d.business_date
    LEFT JOIN service_account AS s ON p.customer_id = s.customer_id
    WHERE p.frequency > 0 AND s.customer_id IS NULL
    GROUP BY p.customer_id, p.frequency, p.repeat_revenue
)

SELECT
    frequency,
    mean_repeat_value,
    COUNT(*) AS customer_count,
    CAST(SUM(squared_value) AS DOUBLE) AS squared_value
FROM repeat_buyer
GROUP BY frequency, mean_repeat_value
ORDER BY frequency, mean_repeat_value

-- How customers bought after their first purchase, by week and by the week of that purchase: seasons, trends and what
-- is new about young customers are learnt from it. Weeks are counted back from the night; 0 has its last seven days.
-- Spend, its squares and spend_days are of all but the largest customers.
-- Grain: entry_week and week_number in which somebody of it bought or entered; service accounts are left out.
WITH bought AS (
    SELECT
        CAST(FLOOR(CAST(p.age_days AS DOUBLE) / 7) AS BIGINT) AS entry_week,
        CAST(FLOOR(CAST(DATE_DIFF('day', d.business_date, n.run_date) AS DOUBLE) / 7) AS BIGINT) AS week_number,
        p.age_days % 7 AS days_since_entry,
        d.business_date = p.first_purchase_date AS is_first,
        d.business_date > p.first_purchase_date AND l.customer_id IS NULL AS counts,
        d.net_spend
    FROM customer_day AS d
    INNER JOIN customer_purchase_pattern AS p ON d.customer_id = p.customer_id
    CROSS JOIN night AS n
    LEFT JOIN service_account AS s ON d.customer_id = s.customer_id
    LEFT JOIN largest_customer AS l ON d.customer_id = l.customer_id
    WHERE d.net_spend > 0 AND d.business_date BETWEEN p.first_purchase_date AND n.run_date AND s.customer_id IS NULL
)

SELECT
    entry_week,
    week_number,
    COUNT(CASE WHEN is_first THEN 1 END) AS entered,
    CAST(SUM(CASE WHEN is_first THEN days_since_entry ELSE 0 END) AS BIGINT) AS days_since_entry,
    COUNT(CASE WHEN NOT is_first THEN 1 END) AS purchase_days,
    COUNT(CASE WHEN counts THEN 1 END) AS spend_days,
    CAST(SUM(CASE WHEN counts THEN net_spend ELSE 0 END) AS DOUBLE) AS spend,
    CAST(SUM(CASE WHEN counts THEN CAST(net_spend * net_spend AS DECIMAL(38, 4)) ELSE 0 END) AS DOUBLE)
        AS squared_spend
FROM bought
GROUP BY entry_week, week_number
ORDER BY entry_week, week_number

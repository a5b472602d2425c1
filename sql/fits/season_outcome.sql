-- How many of the active left after each of many dates, by days since their last order: seasons are learnt from it.
-- Grain: as_of_date and days_since_last_order. Active is who ordered from active_from_date to as_of_date.
WITH shopper AS (
    SELECT
        d.customer_id,
        a.as_of_date,
        MAX(d.business_date) < a.label_from_date AS has_churned,
        MIN(CASE WHEN d.business_date <= a.as_of_date THEN DATE_DIFF('day', d.business_date, a.as_of_date) END)
            AS days_since_last_order
    FROM shopper_day AS d
    INNER JOIN season_date AS a ON d.business_date <= a.label_to_date AND d.business_date >= a.active_from_date
    GROUP BY d.customer_id, a.as_of_date, a.label_from_date
)

SELECT
    as_of_date,
    days_since_last_order,
    COUNT(*) AS customer_count,
    COUNT(CASE WHEN has_churned THEN 1 END) AS churned_count
FROM shopper
WHERE days_since_last_order IS NOT NULL
GROUP BY as_of_date, days_since_last_order
ORDER BY as_of_date, days_since_last_order

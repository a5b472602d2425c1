-- How many shoppers had ordered as often, for as long and since as long at each cut-off, by what was known then.
-- Grain: as_of_date, frequency, recency_days and age_days.
WITH shopper AS (
    SELECT
        d.customer_id,
        c.as_of_date,
        COUNT(*) - 1 AS frequency,
        DATE_DIFF('day', MIN(d.business_date), MAX(d.business_date)) AS recency_days,
        DATE_DIFF('day', MIN(d.business_date), c.as_of_date) AS age_days
    FROM shopper_day AS d
    INNER JOIN cut_off AS c ON d.business_date <= c.as_of_date AND d.known_date <= c.known_by_date
    GROUP BY d.customer_id, c.as_of_date
)

SELECT
    as_of_date,
    frequency,
    recency_days,
    age_days,
    COUNT(*) AS customer_count
FROM shopper
GROUP BY as_of_date, frequency, recency_days, age_days
ORDER BY as_of_date, frequency, recency_days, age_days

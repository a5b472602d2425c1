-- How customers had bought by a day, and how many days after it their next purchase day came (NULL: not yet).
-- Grain: customer who had bought by then.
SELECT
    d.customer_id,
    COUNT(CASE WHEN d.business_date <= p.as_of_date THEN 1 END) - 1 AS frequency,
    DATE_DIFF('day', MIN(d.business_date), MAX(CASE WHEN d.business_date <= p.as_of_date THEN d.business_date END))
        AS recency_days,
    DATE_DIFF('day', MIN(d.business_date), p.as_of_date) AS age_days,
    1 AS customer_count,
    DATE_DIFF('day', p.as_of_date, MIN(CASE WHEN d.business_date > p.as_of_date THEN d.business_date END)) AS next_days
FROM pattern_day AS d
CROSS JOIN pattern_date AS p
GROUP BY d.customer_id, p.as_of_date
HAVING MIN(d.business_date) <= p.as_of_date
ORDER BY d.customer_id

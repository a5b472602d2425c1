-- The days between two purchase days in a row up to a day: how regularly customers buy.
-- Grain: customer and interval_days.
SELECT
    d.customer_id,
    DATE_DIFF('day', d.earlier_date, d.business_date) AS interval_days,
    COUNT(*) AS interval_count
FROM purchase_day AS d
INNER JOIN pattern_date AS p ON d.business_date <= p.as_of_date
WHERE d.earlier_date IS NOT NULL
GROUP BY d.customer_id, DATE_DIFF('day', d.earlier_date, d.business_date)
ORDER BY d.customer_id, interval_days

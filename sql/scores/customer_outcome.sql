-- What customers did in the horizon after a day, and what they had spent in the one up to it, as known tonight.
-- Grain: customer and as_of_date whose horizon is over; who has a receipt of either horizon.
SELECT
    d.customer_id,
    c.as_of_date,
    CAST(SUM(CASE WHEN d.business_date >= c.label_from_date THEN d.order_count ELSE 0 END) AS BIGINT) AS order_count,
    CAST(SUM(CASE WHEN d.business_date >= c.label_from_date THEN d.net_revenue ELSE 0 END) AS DECIMAL(38, 2))
        AS spend_next,
    CAST(SUM(CASE WHEN d.business_date <= c.as_of_date THEN d.net_revenue ELSE 0 END) AS DECIMAL(38, 2)) AS spend_last
FROM cut_off AS c
INNER JOIN night AS n ON c.label_to_date <= n.run_date
INNER JOIN customer_day AS d
    ON
        c.label_to_date >= d.business_date
        AND DATE_DIFF('day', c.label_from_date, c.label_to_date) >= DATE_DIFF('day', d.business_date, c.as_of_date)
GROUP BY d.customer_id, c.as_of_date

-- What customers did in the horizon after a cut-off, and spent in the horizon up to it, as known
-- tonight: returns lower the spend of their sale's day.
-- Grain: customer and as_of_date whose horizon is over, with a receipt in either horizon.
SELECT
    d.customer_id,
    f.as_of_date,
    CAST(SUM(CASE WHEN d.business_date >= f.label_from_date THEN d.order_count ELSE 0 END) AS BIGINT) AS order_count,
    CAST(SUM(CASE WHEN d.business_date >= f.label_from_date THEN d.net_spend ELSE 0 END) AS DECIMAL(38, 2))
        AS spend_next,
    CAST(SUM(CASE WHEN d.business_date <= f.as_of_date THEN d.net_spend ELSE 0 END) AS DECIMAL(38, 2)) AS spend_last
FROM feature_date AS f
INNER JOIN night AS n ON f.label_to_date <= n.run_date
INNER JOIN customer_day AS d
    ON
        f.label_to_date >= d.business_date
        AND DATE_DIFF('day', f.label_from_date, f.label_to_date) >= DATE_DIFF('day', d.business_date, f.as_of_date)
GROUP BY d.customer_id, f.as_of_date

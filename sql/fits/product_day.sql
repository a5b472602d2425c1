-- What was sold of each product on a day, less what came back, of the complete months and periods that are looked at.
-- Grain: product_id and business_date, of the last 430 days.
SELECT
    l.product_id,
    l.business_date,
    CAST(SUM(l.revenue) AS DECIMAL(18, 2)) AS revenue,
    CAST(SUM(CASE WHEN l.is_return THEN -ABS(l.quantity) ELSE l.quantity END) AS DECIMAL(18, 3)) AS quantity
FROM order_line AS l
INNER JOIN night AS n ON l.business_date > n.run_date - 430
WHERE l.product_id IS NOT NULL
GROUP BY l.product_id, l.business_date

-- What each receipt of the days that are worked out has of each category of its lines' products.
-- Grain: receipt and category.
SELECT
    l.receipt_id,
    l.business_date,
    l.customer_id,
    l.is_return,
    COALESCE(l.category, 'unknown') AS cut_value,
    COUNT(*) AS line_count,
    CAST(SUM(l.revenue) AS DECIMAL(38, 2)) AS revenue,
    CAST(SUM(l.quantity) AS DECIMAL(38, 3)) AS quantity
FROM order_line AS l
INNER JOIN sold AS s ON l.receipt_id = s.receipt_id
GROUP BY l.receipt_id, l.business_date, l.customer_id, l.is_return, COALESCE(l.category, 'unknown')

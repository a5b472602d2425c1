-- What each customer bought of each product category, net of returns.
-- Grain: customer and product category.
SELECT
    l.customer_id,
    l.category,
    CAST(SUM(l.revenue) AS DECIMAL(18, 2)) AS revenue,
    CAST(COUNT(CASE WHEN NOT l.is_return THEN 1 END) AS INTEGER) AS line_count,
    MAX(CASE WHEN NOT l.is_return THEN l.business_date END) AS last_order_date,
    MAX(n.run_date) AS landing_date
FROM order_line AS l
CROSS JOIN night AS n
WHERE l.customer_id IS NOT NULL AND l.category IS NOT NULL
GROUP BY l.customer_id, l.category

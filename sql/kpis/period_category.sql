-- Sales of each period that is worked out by the category of the lines' products; no line knows its margin without tax.
-- Grain: period, its start and category.
SELECT
    d.period,
    d.period_start,
    'category' AS cut,
    b.cut_value,
    CAST(SUM(b.revenue) AS DECIMAL(38, 2)) AS revenue,
    CAST(SUM(CASE WHEN b.customer_id IS NOT NULL THEN b.revenue ELSE 0 END) AS DECIMAL(38, 2)) AS member_revenue,
    CAST(NULL AS DECIMAL(38, 2)) AS new_revenue,
    CAST(NULL AS DECIMAL(38, 2)) AS returning_revenue,
    CAST(SUM(CASE WHEN NOT b.is_return THEN b.revenue ELSE 0 END) AS DECIMAL(38, 2)) AS sale_revenue,
    CAST(NULL AS DECIMAL(38, 2)) AS member_sale_revenue,
    CAST(NULL AS DECIMAL(38, 2)) AS gross_margin,
    COUNT(CASE WHEN NOT b.is_return THEN 1 END) AS receipts,
    COUNT(CASE WHEN b.is_return THEN 1 END) AS return_receipts,
    CAST(NULL AS BIGINT) AS member_receipts,
    COUNT(CASE WHEN NOT b.is_return AND b.customer_id IS NOT NULL THEN 1 END) AS orders,
    COUNT(DISTINCT CASE WHEN NOT b.is_return THEN b.customer_id END) AS buyers,
    CAST(NULL AS BIGINT) AS member_buyers,
    CAST(NULL AS BIGINT) AS new_buyers,
    CAST(NULL AS BIGINT) AS returning_buyers,
    CAST(NULL AS BIGINT) AS repeat_buyers,
    CAST(NULL AS BIGINT) AS reactivated_buyers,
    CAST(SUM(CASE WHEN NOT b.is_return THEN b.line_count ELSE 0 END) AS BIGINT) AS sale_lines,
    CAST(SUM(b.quantity) AS DECIMAL(38, 3)) AS quantity
FROM basket AS b
INNER JOIN kpi_day AS d ON b.business_date = d.business_date
GROUP BY d.period, d.period_start, b.cut_value

-- Sales of each period that is worked out by the category of the lines' products; no line knows its margin without tax.
-- Grain: period, its start and category.
WITH line AS (
    SELECT
        d.period,
        d.period_start,
        COALESCE(l.category, 'unknown') AS cut_value,
        l.receipt_id,
        l.customer_id,
        l.is_return,
        l.revenue,
        l.quantity
    FROM order_line AS l
    INNER JOIN kpi_day AS d ON l.business_date = d.business_date
    INNER JOIN sold AS s ON l.receipt_id = s.receipt_id
)

SELECT
    period,
    period_start,
    'category' AS cut,
    cut_value,
    CAST(SUM(revenue) AS DECIMAL(38, 2)) AS revenue,
    CAST(SUM(CASE WHEN customer_id IS NOT NULL THEN revenue ELSE 0 END) AS DECIMAL(38, 2)) AS member_revenue,
    CAST(NULL AS DECIMAL(38, 2)) AS new_revenue,
    CAST(NULL AS DECIMAL(38, 2)) AS returning_revenue,
    CAST(SUM(CASE WHEN NOT is_return THEN revenue ELSE 0 END) AS DECIMAL(38, 2)) AS sale_revenue,
    CAST(NULL AS DECIMAL(38, 2)) AS member_sale_revenue,
    CAST(NULL AS DECIMAL(38, 2)) AS gross_margin,
    COUNT(DISTINCT CASE WHEN NOT is_return THEN receipt_id END) AS receipts,
    COUNT(DISTINCT CASE WHEN is_return THEN receipt_id END) AS return_receipts,
    CAST(NULL AS BIGINT) AS member_receipts,
    COUNT(DISTINCT CASE WHEN NOT is_return AND customer_id IS NOT NULL THEN receipt_id END) AS orders,
    COUNT(DISTINCT CASE WHEN NOT is_return THEN customer_id END) AS buyers,
    CAST(NULL AS BIGINT) AS member_buyers,
    CAST(NULL AS BIGINT) AS new_buyers,
    CAST(NULL AS BIGINT) AS returning_buyers,
    CAST(NULL AS BIGINT) AS repeat_buyers,
    CAST(NULL AS BIGINT) AS reactivated_buyers,
    COUNT(CASE WHEN NOT is_return THEN 1 END) AS sale_lines,
    CAST(SUM(quantity) AS DECIMAL(38, 3)) AS quantity
FROM line
GROUP BY period, period_start, cut_value

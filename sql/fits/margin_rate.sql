-- Margin, the net revenue whose cost is known, and all net revenue: what turns a forecast of spend into one of margin.
-- Grain: one row, or none where nobody has bought; service accounts are left out.
SELECT
    SUM(d.gross_margin) AS gross_margin,
    SUM(CASE WHEN d.gross_margin IS NOT NULL THEN d.net_revenue END) AS net_revenue_with_cost,
    SUM(d.net_revenue) AS net_revenue
FROM customer_day AS d
LEFT JOIN service_account AS s ON d.customer_id = s.customer_id
WHERE s.customer_id IS NULL
HAVING COUNT(*) > 0

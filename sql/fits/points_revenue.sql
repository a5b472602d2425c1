-- Revenue without tax of the sales that earned points, and the points, by the month in which they were granted.
-- Grain: granted_month. A receipt of which the ledger posts points in two months counts in the first.
WITH earned AS (
    SELECT
        e.receipt_id,
        MIN(CAST(DATE_TRUNC('month', e.posted_date) AS DATE)) AS granted_month,
        SUM(e.points) AS points
    FROM points_entry AS e
    WHERE e.kind = 'earn' AND e.points > 0 AND e.receipt_id IS NOT NULL
    GROUP BY e.receipt_id
)

SELECT
    e.granted_month,
    CAST(SUM(r.revenue - CASE WHEN n.amounts_include_tax THEN COALESCE(r.tax_amount, 0) ELSE 0 END) AS DECIMAL(38, 2))
        AS revenue,
    CAST(SUM(e.points) AS DECIMAL(38, 3)) AS points
FROM earned AS e
INNER JOIN receipt_fact AS r ON e.receipt_id = r.receipt_id
CROSS JOIN night AS n
WHERE NOT r.is_return
GROUP BY e.granted_month

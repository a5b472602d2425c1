-- Goods sold under an offer without a code, summed by receipt and offer as the till writes them.
-- Grain: receipt and promotion of its lines (also of receipts that wait for their day).
SELECT
    l.receipt_id,
    l.promotion_id,
    CAST(COUNT(*) AS INTEGER) AS line_count,
    CAST(SUM(l.amount) AS DECIMAL(18, 2)) AS amount,
    CAST(
        CASE
            WHEN COUNT(*) = COUNT(COALESCE(l.discount_amount, l.regular_amount - l.amount))
                THEN SUM(COALESCE(l.discount_amount, l.regular_amount - l.amount))
        END AS DECIMAL(18, 2)
    ) AS discount_amount,
    MAX(n.run_date) AS landing_date
FROM receipt_lines AS l
CROSS JOIN night AS n
WHERE l.promotion_id IS NOT NULL
GROUP BY l.receipt_id, l.promotion_id

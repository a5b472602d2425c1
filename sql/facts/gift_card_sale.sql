-- Gift cards on each receipt: no revenue when sold, a means of payment later. They are few, so they are summed apart.
-- Grain: receipt with a gift card on it.
SELECT
    l.receipt_id,
    CAST(SUM(l.amount) AS DECIMAL(18, 2)) AS amount,
    CAST(
        SUM(
            CASE  -- the same signs as in line_total
                WHEN l.amount < 0 OR (l.amount = 0 AND l.quantity < 0) THEN -ABS(l.cost_amount)
                WHEN l.amount = 0 AND l.quantity = 0 THEN l.cost_amount
                ELSE ABS(l.cost_amount)
            END
        ) AS DECIMAL(18, 2)
    ) AS cost_amount,
    CAST(SUM(CASE WHEN l.amount = 0 AND l.quantity > 0 THEN ABS(l.cost_amount) END) AS DECIMAL(18, 2))
        AS free_cost_amount,
    COUNT(*) - COUNT(l.cost_amount) AS without_cost_count
FROM receipt_lines AS l
INNER JOIN gift_card_product AS p ON l.product_id = p.product_id
GROUP BY l.receipt_id

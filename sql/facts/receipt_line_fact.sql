-- Receipt lines with the customer, day and sign of their receipt; a gift card's line is no revenue.
-- Grain: receipt line (of receipts dated up to tonight).
SELECT
    l.receipt_id,
    l.line_number,
    r.customer_id,
    r.issued_date AS business_date,
    r.sales_channel,
    COALESCE(r.operation = 'return', FALSE) OR r.total_amount < 0 AS is_return,
    l.product_id,
    CAST(
        CASE WHEN r.operation = 'return' AND r.total_amount >= 0 THEN -l.quantity ELSE l.quantity END AS DECIMAL(18, 3)
    ) AS quantity,
    CAST(
        CASE
            WHEN g.product_id IS NOT NULL THEN 0
            WHEN r.operation = 'return' AND r.total_amount >= 0 THEN -l.amount
            ELSE l.amount
        END AS DECIMAL(18, 2)
    ) AS revenue,
    l.discount_amount,
    CAST(
        CASE
            WHEN g.product_id IS NOT NULL THEN 0
            WHEN r.operation = 'return' AND r.total_amount >= 0 THEN -l.cost_amount
            ELSE l.cost_amount
        END AS DECIMAL(18, 2)
    ) AS cost_amount,
    l.promotion_id,
    n.run_date AS landing_date
FROM receipt_lines AS l
INNER JOIN receipts AS r ON l.receipt_id = r.receipt_id
INNER JOIN night AS n ON r.issued_date <= n.run_date
LEFT JOIN gift_card_product AS g ON l.product_id = g.product_id

-- Receipt lines with the customer, day and sign of their receipt; a gift card's line is no revenue.
-- Grain: receipt line (of receipts dated up to tonight).
WITH dated AS (
    SELECT
        r.receipt_id,
        r.customer_id,
        r.issued_date,
        r.sales_channel,
        COALESCE(r.operation = 'return', FALSE) OR r.total_amount < 0 AS is_return,
        n.run_date
    FROM receipts AS r
    INNER JOIN night AS n ON r.issued_date <= n.run_date
),

turned AS (  -- returns whose lines are written as positive amounts
    SELECT l.receipt_id
    FROM receipt_lines AS l
    INNER JOIN dated AS d ON l.receipt_id = d.receipt_id
    WHERE d.is_return
    GROUP BY l.receipt_id
    HAVING SUM(l.amount) > 0
),

signed AS (
    SELECT
        l.*,
        d.customer_id,
        d.issued_date,
        d.sales_channel,
        d.is_return,
        d.run_date,
        CASE WHEN t.receipt_id IS NULL THEN 1 ELSE -1 END AS line_sign,
        CASE WHEN g.product_id IS NULL THEN 1 ELSE 0 END AS is_goods
    FROM receipt_lines AS l
    INNER JOIN dated AS d ON l.receipt_id = d.receipt_id
    LEFT JOIN turned AS t ON l.receipt_id = t.receipt_id
    LEFT JOIN gift_card_product AS g ON l.product_id = g.product_id
)

SELECT
    receipt_id,
    line_number,
    customer_id,
    issued_date AS business_date,
    sales_channel,
    is_return,
    product_id,
    CAST(line_sign * quantity AS DECIMAL(18, 3)) AS quantity,
    CAST(is_goods * line_sign * amount AS DECIMAL(18, 2)) AS revenue,
    discount_amount,
    CAST(
        CASE
            WHEN is_goods = 0 THEN 0
            WHEN amount < 0 THEN -line_sign * ABS(cost_amount)
            ELSE line_sign * ABS(cost_amount)
        END AS DECIMAL(18, 2)
    ) AS cost_amount,
    promotion_id,
    run_date AS landing_date
FROM signed

-- What each receipt says: one signed row, with its lines' cost and its codes' discount summed.
-- Grain: receipt (dated up to tonight).
WITH line AS (
    SELECT
        l.receipt_id,
        COUNT(*) AS line_count,
        COUNT(CASE WHEN g.product_id IS NULL THEN 1 END) AS goods_count,
        COUNT(CASE WHEN g.product_id IS NULL THEN l.cost_amount END) AS cost_count,
        SUM(l.amount) AS amount,
        -- A cost has the sign of its line's amount, however the till writes it.
        SUM(CASE WHEN g.product_id IS NULL THEN CASE WHEN l.amount < 0 THEN -1 ELSE 1 END * ABS(l.cost_amount) END)
            AS cost_amount,
        SUM(l.tax_amount) AS tax_amount,
        SUM(CASE WHEN g.product_id IS NOT NULL THEN l.amount END) AS gift_card_amount,
        COUNT(l.promotion_id) AS offer_line_count
    FROM receipt_lines AS l
    LEFT JOIN gift_card_product AS g ON l.product_id = g.product_id
    GROUP BY l.receipt_id
),

code AS (
    SELECT
        receipt_id,
        COUNT(*) AS promo_code_count,
        SUM(discount_amount) AS promo_discount
    FROM promo_redemptions
    GROUP BY receipt_id
),

signed AS (  -- tills write returns as positive or as negative amounts, on the receipt and on its lines
    SELECT
        r.*,
        l.line_count,
        l.goods_count,
        l.cost_count,
        l.offer_line_count,
        COALESCE(r.operation = 'return', FALSE) OR r.total_amount < 0 AS is_return,
        CASE WHEN r.operation = 'return' OR r.total_amount < 0 THEN -1 ELSE 1 END AS sign,
        CASE WHEN (r.operation = 'return' OR r.total_amount < 0) AND l.amount > 0 THEN -1 ELSE 1 END AS line_sign,
        l.cost_amount,
        ABS(COALESCE(r.tax_amount, l.tax_amount)) AS tax,
        COALESCE(l.gift_card_amount, 0) AS gift_card_amount,
        n.run_date,
        n.amounts_include_tax
    FROM receipts AS r
    INNER JOIN night AS n ON r.issued_date <= n.run_date
    LEFT JOIN line AS l ON r.receipt_id = l.receipt_id
)

SELECT
    s.receipt_id,
    s.customer_id,
    s.issued_date AS business_date,
    s.issued_at,
    s.store_id,
    s.sales_channel,
    s.is_return,
    s.original_receipt_id,
    CAST(s.sign * ABS(s.total_amount) - s.line_sign * s.gift_card_amount AS DECIMAL(18, 2)) AS revenue,
    CAST(s.sign * s.tax AS DECIMAL(18, 2)) AS tax_amount,
    CAST(
        CASE
            WHEN s.line_count > 0 AND s.cost_count = s.goods_count THEN
                s.sign * ABS(s.total_amount) - s.line_sign * s.gift_card_amount
                - s.line_sign * COALESCE(s.cost_amount, 0)
                - CASE WHEN s.amounts_include_tax THEN s.sign * COALESCE(s.tax, 0) ELSE 0 END
        END AS DECIMAL(18, 2)
    ) AS gross_margin,
    s.discount_amount,
    s.points_amount,
    s.points_spent,
    s.points_earned,
    COALESCE(s.line_count, 0) AS line_count,
    CAST(c.promo_discount AS DECIMAL(18, 2)) AS promo_discount,
    COALESCE(c.promo_code_count, 0) AS promo_code_count,
    COALESCE(c.promo_code_count, 0) > 0 AS has_promo,
    COALESCE(s.offer_line_count, 0) > 0 AS has_offer,
    s.run_date AS landing_date
FROM signed AS s
LEFT JOIN code AS c ON s.receipt_id = c.receipt_id

-- Sales and returns as signed rows, with the summed cost of their lines and discount of their codes.
-- Grain: receipt (dated up to tonight).
WITH line AS (  -- a cost takes the sign of its line's amount, whatever sign the till writes
    SELECT
        receipt_id,
        COUNT(*) AS line_count,
        COUNT(cost_amount) AS cost_count,
        SUM(amount) AS amount,
        CAST(SUM(CASE WHEN amount < 0 THEN -ABS(cost_amount) ELSE ABS(cost_amount) END) AS DECIMAL(18, 2)) AS line_cost,
        CAST(SUM(tax_amount) AS DECIMAL(18, 2)) AS tax_amount,
        COUNT(promotion_id) AS offer_line_count
    FROM receipt_lines
    GROUP BY receipt_id
),

code AS (
    SELECT
        receipt_id,
        COUNT(*) AS promo_code_count,
        SUM(discount_amount) AS promo_discount
    FROM promo_redemptions
    GROUP BY receipt_id
),

receipt AS (  -- tills write returns as positive or as negative amounts, on the receipt and on its lines
    SELECT
        r.*,
        l.line_count,
        l.offer_line_count > 0 AS has_offer,
        l.line_count - l.cost_count = COALESCE(g.without_cost_count, 0) AS is_cost_known,
        COALESCE(r.operation = 'return', FALSE) OR r.total_amount < 0 AS is_return,
        COALESCE((r.operation = 'return' OR r.total_amount < 0) AND l.amount > 0, FALSE) AS has_turned_lines,
        COALESCE(g.amount, 0) AS gift_card_amount,
        COALESCE(l.line_cost, 0) - COALESCE(g.cost_amount, 0) AS cost_amount,
        ABS(COALESCE(r.tax_amount, l.tax_amount)) AS tax
    FROM receipts AS r
    LEFT JOIN line AS l ON r.receipt_id = l.receipt_id
    LEFT JOIN gift_card_sale AS g ON r.receipt_id = g.receipt_id
),

signed AS (
    SELECT
        *,
        CASE WHEN is_return THEN -ABS(total_amount) ELSE ABS(total_amount) END
        - CASE WHEN has_turned_lines THEN -gift_card_amount ELSE gift_card_amount END AS revenue,
        CASE WHEN has_turned_lines THEN -cost_amount ELSE cost_amount END AS goods_cost,
        CASE WHEN is_return THEN -tax ELSE tax END AS signed_tax
    FROM receipt
)

SELECT
    s.receipt_id,
    s.customer_id,
    s.issued_date AS business_date,
    s.issued_at,
    s.store_id,
    s.sales_channel,
    s.is_return,
    s.has_turned_lines,
    s.original_receipt_id,
    CAST(s.revenue AS DECIMAL(18, 2)) AS revenue,
    s.signed_tax AS tax_amount,
    CAST(
        CASE WHEN s.is_cost_known THEN s.revenue - s.goods_cost END
        - CASE WHEN n.amounts_include_tax THEN COALESCE(s.signed_tax, 0) ELSE 0 END AS DECIMAL(18, 2)
    ) AS gross_margin,
    s.discount_amount,
    s.points_amount,
    s.points_spent,
    s.points_earned,
    COALESCE(s.line_count, 0) AS line_count,
    CAST(c.promo_discount AS DECIMAL(18, 2)) AS promo_discount,
    COALESCE(c.promo_code_count, 0) AS promo_code_count,
    COALESCE(s.has_offer, FALSE) AS has_offer,
    COALESCE(e.first_landing_date, s.landing_date) AS known_date,
    n.run_date AS landing_date
FROM signed AS s
INNER JOIN night AS n ON s.issued_date <= n.run_date
LEFT JOIN code AS c ON s.receipt_id = c.receipt_id
LEFT JOIN replaced_receipt AS e ON s.receipt_id = e.receipt_id AND s.customer_id IS NOT DISTINCT FROM e.customer_id

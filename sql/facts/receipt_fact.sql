-- Sales and returns as signed rows, with the summed cost of their lines and discount of their codes.
-- Grain: receipt (dated up to tonight, and not taken back by a void).
WITH receipt AS (
    SELECT
        *,
        COALESCE(operation = 'return', FALSE) OR total_amount < 0 AS is_return
    FROM receipts
    WHERE COALESCE(operation, 'sale') <> 'void'
),

joined AS (  -- tills write returns as positive or as negative amounts, on the receipt and on its lines
    SELECT
        r.*,
        l.line_count,
        l.offer_line_count > 0 AS has_offer,
        l.without_cost_count = COALESCE(g.without_cost_count, 0) AS is_cost_known,
        CASE
            WHEN l.without_cost_count = COALESCE(g.without_cost_count, 0) THEN 0
            ELSE COALESCE(l.uncosted_share, 1)
        END AS uncosted_share,
        l.is_mixed,
        l.quantity,
        COALESCE(r.is_return AND (l.direction > 0 OR (l.direction = 0 AND r.operation = 'return')), FALSE)
            AS has_turned_lines,
        COALESCE(r.is_return AND l.has_unsigned_quantities, FALSE) AS has_returned_free_lines,
        COALESCE(g.amount, 0) AS gift_card_amount,
        COALESCE(l.cost_amount, 0) - COALESCE(g.cost_amount, 0) AS cost_amount,
        COALESCE(l.free_cost_amount, 0) - COALESCE(g.free_cost_amount, 0) AS free_cost_amount,
        l.sold_amount,
        l.offer_amount,
        l.tax_amount AS taxes,
        l.is_mixed AND l.is_tax_known AND l.tax_amount <> 0 AS has_lines_tax_sign,
        ABS(r.total_amount) - ABS(l.amount) AS above_lines,
        ABS(COALESCE(r.discount_amount, 0)) AS discount,
        ABS(COALESCE(r.points_amount, 0)) AS points,
        ABS(COALESCE(r.tax_amount, 0)) AS tax
    FROM receipt AS r
    LEFT JOIN line_total AS l ON r.receipt_id = l.receipt_id
    LEFT JOIN gift_card_sale AS g ON r.receipt_id = g.receipt_id
),

signed AS (
    SELECT
        *,
        CASE WHEN is_return THEN -ABS(total_amount) ELSE ABS(total_amount) END
        - CASE WHEN has_turned_lines THEN -gift_card_amount ELSE gift_card_amount END AS revenue,
        CASE WHEN has_turned_lines THEN -gift_card_amount ELSE gift_card_amount END AS signed_gift_card_amount,
        LEAST(  -- as in intake/receipt_difference: tills differ in what stands on the receipt alone
            ABS(above_lines),
            ABS(above_lines - tax),
            ABS(above_lines + discount),
            ABS(above_lines + discount - tax),
            ABS(above_lines + points),
            ABS(above_lines + points - tax),
            ABS(above_lines + discount + points),
            ABS(above_lines + discount + points - tax)
        ) AS gap,
        CASE WHEN has_turned_lines THEN -cost_amount ELSE cost_amount END
        - CASE WHEN has_returned_free_lines THEN 2 * free_cost_amount ELSE 0 END AS goods_cost,
        CASE  -- of lines of both signs the tax may have the other sign than the total
            WHEN has_lines_tax_sign OR (is_mixed AND tax_amount IS NULL)
                THEN ABS(COALESCE(tax_amount, taxes)) * CASE WHEN (taxes < 0) = has_turned_lines THEN 1 ELSE -1 END
            WHEN is_mixed AND total_amount = 0 THEN CASE WHEN has_turned_lines THEN -tax_amount ELSE tax_amount END
            WHEN is_return THEN -ABS(COALESCE(tax_amount, taxes))
            WHEN is_mixed THEN tax_amount
            ELSE ABS(COALESCE(tax_amount, taxes))
        END AS signed_tax
    FROM joined
)

SELECT
    s.receipt_id,
    COALESCE(s.customer_id, h.customer_id) AS customer_id,
    s.issued_date AS business_date,
    s.issued_at,
    s.store_id,
    s.sales_channel,
    s.is_return,
    s.has_turned_lines,
    s.has_returned_free_lines,
    s.original_receipt_id,
    CAST(s.revenue AS DECIMAL(18, 2)) AS revenue,
    CAST(s.signed_tax AS DECIMAL(18, 2)) AS tax_amount,
    CAST(
        CASE WHEN s.is_cost_known THEN s.revenue - s.goods_cost END
        - CASE WHEN n.amounts_include_tax THEN COALESCE(s.signed_tax, 0) ELSE 0 END AS DECIMAL(18, 2)
    ) AS gross_margin,
    CAST(s.revenue * s.uncosted_share AS DECIMAL(18, 2)) AS uncosted_revenue,
    CASE
        WHEN NOT COALESCE(s.is_cost_known, FALSE)
            THEN CAST(
                (
                    s.revenue - CASE WHEN n.amounts_include_tax THEN COALESCE(s.signed_tax, 0) ELSE 0 END
                ) * (1 - s.uncosted_share) - COALESCE(s.goods_cost, 0) AS DECIMAL(18, 2)
            )
    END AS costed_margin,
    CAST(s.signed_gift_card_amount AS DECIMAL(18, 2)) AS gift_card_amount,
    CAST(
        CASE
            WHEN
                (s.gap IN (
                    s.above_lines,
                    s.above_lines - s.tax,
                    s.above_lines + s.discount,
                    s.above_lines + s.discount - s.tax,
                    s.above_lines + s.points,
                    s.above_lines + s.points - s.tax,
                    s.above_lines + s.discount + s.points,
                    s.above_lines + s.discount + s.points - s.tax
                )) = s.is_return
                THEN -s.gap
            ELSE s.gap
        END AS DECIMAL(38, 2)
    ) AS line_gap,
    s.discount_amount,
    s.points_amount,
    s.points_spent,
    s.points_earned,
    COALESCE(s.line_count, 0) AS line_count,
    s.sold_amount,
    s.offer_amount,
    CAST(CASE WHEN s.has_turned_lines THEN -s.quantity ELSE s.quantity END AS DECIMAL(38, 3)) AS quantity,
    c.promo_discount,
    COALESCE(c.promo_code_count, 0) AS promo_code_count,
    COALESCE(s.has_offer, FALSE) AS has_offer,
    COALESCE(e.first_landing_date, s.landing_date) AS known_date,
    n.run_date AS landing_date
FROM signed AS s
INNER JOIN night AS n ON s.issued_date <= n.run_date
LEFT JOIN code_total AS c ON s.receipt_id = c.receipt_id
LEFT JOIN replaced_receipt AS e ON s.receipt_id = e.receipt_id AND s.customer_id IS NOT DISTINCT FROM e.customer_id
LEFT JOIN receipt_holder AS h ON s.receipt_id = h.receipt_id

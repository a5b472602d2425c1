-- Lines of sales with what tells whether a price slipped: amount without tax, cost, and price before any offer.
-- Grain: receipt line with a product, sold on a sale receipt of the last 92 days; what was taken back is left out.
SELECT
    l.receipt_id,
    l.line_number,
    f.business_date,
    s.format AS store_format,
    f.sales_channel,
    l.product_id,
    l.promotion_id,
    l.quantity,
    l.amount,
    CAST(
        l.amount - CASE WHEN n.amounts_include_tax THEN COALESCE(ABS(l.tax_amount), 0) ELSE 0 END AS DECIMAL(18, 2)
    ) AS net_amount,
    CAST(ABS(l.cost_amount) AS DECIMAL(18, 2)) AS cost_amount,
    CASE  -- of an offer that is known by what it left alone, the price before is unknown
        WHEN l.regular_amount IS NOT NULL THEN l.regular_amount
        WHEN
            l.promotion_id IS NULL
            AND COALESCE(l.discount_amount, 0) = 0
            AND COALESCE(f.discount_amount, 0) = 0
            AND COALESCE(f.points_amount, 0) = 0
            AND f.promo_code_count = 0
            THEN l.amount
    END AS regular_amount,
    l.promotion_id IS NOT NULL
    OR COALESCE(l.discount_amount, 0) <> 0
    OR COALESCE(f.discount_amount, 0) <> 0
    OR f.promo_code_count > 0 AS is_on_offer
FROM receipt_lines AS l
INNER JOIN receipt_fact AS f ON l.receipt_id = f.receipt_id AND NOT f.is_return
INNER JOIN night AS n ON f.business_date > n.run_date - 92
LEFT JOIN stores AS s ON f.store_id = s.store_id
WHERE l.product_id IS NOT NULL AND l.original_line_number IS NULL

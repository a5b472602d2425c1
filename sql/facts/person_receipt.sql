-- Sales and returns, each with the person behind its customer (after merges): order_fact without its store.
-- Grain: receipt.
SELECT
    f.receipt_id,
    COALESCE(i.customer_id, f.customer_id) AS customer_id,
    f.business_date,
    f.issued_at,
    f.store_id,
    f.sales_channel,
    f.is_return,
    f.original_receipt_id,
    f.revenue,
    f.tax_amount,
    f.gross_margin,
    f.uncosted_revenue,
    f.costed_margin,
    f.discount_amount,
    f.points_amount,
    f.points_spent,
    f.points_earned,
    f.line_count,
    f.quantity,
    f.promo_discount,
    f.promo_code_count,
    f.promo_code_count > 0 AS has_promo,
    f.has_offer,
    CASE
        WHEN f.is_return THEN 0
        WHEN f.promo_code_count > 0 THEN f.revenue
        ELSE LEAST(GREATEST(COALESCE(f.offer_amount, 0), 0), f.revenue)
    END AS promoted_revenue,
    f.known_date
FROM receipt_fact AS f
LEFT JOIN customer_identity AS i ON f.customer_id = i.source_customer_id

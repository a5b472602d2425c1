-- Sales and returns, each with its person (after merges) and store. An order is a sale with a customer.
-- Grain: receipt. Incremental tables read person_receipt: a store that is renamed must not have them made anew.
SELECT
    r.receipt_id,
    r.customer_id,
    r.business_date,
    r.issued_at,
    r.store_id,
    s.name AS store_name,
    s.region AS store_region,
    r.sales_channel,
    r.is_return,
    r.original_receipt_id,
    r.revenue,
    r.tax_amount,
    r.gross_margin,
    r.discount_amount,
    r.points_amount,
    r.points_spent,
    r.points_earned,
    r.line_count,
    r.promo_discount,
    r.promo_code_count,
    r.has_promo,
    r.has_offer,
    r.known_date
FROM person_receipt AS r
LEFT JOIN stores AS s ON r.store_id = s.store_id

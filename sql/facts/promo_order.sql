-- Sales on which a promo code was redeemed. A sale with two codes has one row for each.
-- Grain: promo code and receipt.
SELECT
    p.promo_code,
    c.promotion_id,
    c.campaign_id,
    o.receipt_id,
    o.customer_id,
    o.business_date,
    p.discount_amount,
    o.revenue,
    o.gross_margin
FROM promo_redemptions AS p
INNER JOIN order_fact AS o ON p.receipt_id = o.receipt_id AND o.has_promo AND NOT o.is_return
LEFT JOIN promo_codes AS c ON p.promo_code = c.promo_code

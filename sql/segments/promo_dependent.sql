-- Promo-dependent: at least three orders, and at least four in five of them with a promo code or goods on offer.
-- To send fewer discounts: find out who would buy without.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND order_count >= 3
    AND GREATEST(promo_order_share, offer_order_share) >= 0.8

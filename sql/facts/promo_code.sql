-- Promo codes and coupons as of tonight, to be joined to promo_order by promo_code.
-- Grain: promo code.
SELECT
    promo_code,
    promotion_id,
    campaign_id,
    kind,
    value,
    valid_from,
    valid_to,
    purpose,
    cost_amount
FROM promo_codes

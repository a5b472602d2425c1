-- Promo codes redeemed on each receipt.
-- Grain: receipt with a code.
SELECT
    receipt_id,
    COUNT(*) AS promo_code_count,
    CAST(SUM(discount_amount) AS DECIMAL(18, 2)) AS promo_discount
FROM promo_redemptions
GROUP BY receipt_id

-- Use, revenue and discount of each promo code. A receipt counts once for a code, however many lines it has.
-- Grain: promo code, issued or redeemed.
WITH redeemed AS (
    SELECT
        promo_order.promo_code,
        MIN(promo_order.promotion_id) AS promotion_id,
        MIN(promo_order.campaign_id) AS campaign_id,
        COUNT(*) AS redemptions,
        COUNT(DISTINCT promo_order.customer_id) AS customers,
        COUNT(DISTINCT first_order.customer_id) AS new_customers,
        COUNT(promo_order.customer_id) AS orders,
        SUM(promo_order.revenue) AS revenue,
        COUNT(*) - COUNT(promo_order.gross_margin) AS receipts_without_margin,
        SUM(promo_order.gross_margin) AS gross_margin,
        SUM(promo_order.discount_amount) AS discount_amount
    FROM promo_order
    LEFT JOIN first_order
        ON promo_order.receipt_id = first_order.receipt_id AND NOT first_order.is_left_censored
    GROUP BY promo_order.promo_code
)

-- Customers choose to redeem a code: without a control group, nobody knows what they would have bought anyway. The
-- effect and its ROI therefore stay NULL until a campaign with a randomised control group hands out exactly this code.
SELECT
    COALESCE(promo_codes.promo_code, redeemed.promo_code) AS promo_code,
    COALESCE(promo_codes.promotion_id, redeemed.promotion_id) AS promotion_id,
    COALESCE(promo_codes.campaign_id, redeemed.campaign_id) AS campaign_id,
    promo_codes.kind,
    promo_codes.purpose,
    COALESCE(redeemed.redemptions, 0) AS redemptions,
    COALESCE(redeemed.customers, 0) AS customers,
    COALESCE(redeemed.new_customers, 0) AS new_customers,
    COALESCE(redeemed.orders, 0) AS orders,
    CAST(COALESCE(redeemed.revenue, 0) AS DECIMAL(38, 2)) AS revenue,
    CASE
        WHEN COALESCE(redeemed.receipts_without_margin, 0) = 0
            THEN CAST(COALESCE(redeemed.gross_margin, 0) AS DECIMAL(38, 2))
    END AS gross_margin,
    CAST(COALESCE(redeemed.discount_amount, 0) AS DECIMAL(38, 2)) AS discount_amount,
    CAST(promo_codes.cost_amount AS DECIMAL(38, 2)) AS cost_amount,
    CAST(NULL AS DOUBLE) AS incremental_profit,
    CAST(NULL AS DOUBLE) AS roi,
    CAST(NULL AS VARCHAR) AS method  -- noqa: RF04
FROM promo_codes
FULL OUTER JOIN redeemed ON promo_codes.promo_code = redeemed.promo_code

-- Use, revenue and discount of each promo code. A receipt counts once for a code, however many lines it has.
-- Grain: promo code, issued or redeemed. Revenue does not add up over codes: one receipt may have several.
WITH used AS (
    SELECT
        o.*,
        f.customer_id IS NOT NULL AND NOT f.is_left_censored AS is_acquisition,
        o.customer_id IS NOT NULL AND f.customer_id IS NULL AS is_repeat
    FROM promo_order AS o
    LEFT JOIN first_order AS f ON o.receipt_id = f.receipt_id
),

redeemed AS (
    SELECT
        promo_code,
        MIN(promotion_id) AS promotion_id,
        MIN(campaign_id) AS campaign_id,
        COUNT(*) AS redemptions,
        COUNT(DISTINCT customer_id) AS customers,
        COUNT(DISTINCT CASE WHEN is_acquisition THEN customer_id END) AS new_customers,
        COUNT(customer_id) AS orders,
        COUNT(CASE WHEN is_repeat THEN 1 END) AS repeat_orders,
        SUM(revenue) AS revenue,
        SUM(CASE WHEN is_acquisition THEN revenue ELSE 0 END) AS acquisition_revenue,
        SUM(CASE WHEN is_repeat THEN revenue ELSE 0 END) AS repeat_revenue,
        COUNT(*) - COUNT(gross_margin) AS without_margin,
        COUNT(CASE WHEN is_acquisition AND gross_margin IS NULL THEN 1 END) AS acquisition_without_margin,
        COUNT(CASE WHEN is_repeat AND gross_margin IS NULL THEN 1 END) AS repeat_without_margin,
        SUM(gross_margin) AS gross_margin,
        SUM(CASE WHEN is_acquisition THEN gross_margin ELSE 0 END) AS acquisition_margin,
        SUM(CASE WHEN is_repeat THEN gross_margin ELSE 0 END) AS repeat_margin,
        SUM(discount_amount) AS discount_amount,
        SUM(CASE WHEN discount_amount IS NOT NULL THEN revenue + discount_amount END) AS undiscounted_revenue
    FROM used
    GROUP BY promo_code
)

-- Customers choose to redeem a code: without a control group, nobody knows what they would have bought anyway. The
-- effect and its ROI stay NULL unless a campaign with a randomised control group hands out this code and no other.
SELECT
    COALESCE(c.promo_code, r.promo_code) AS promo_code,
    COALESCE(c.promotion_id, r.promotion_id) AS promotion_id,
    COALESCE(c.campaign_id, r.campaign_id) AS campaign_id,
    c.kind,
    c.purpose,
    COALESCE(r.redemptions, 0) AS redemptions,
    COALESCE(r.customers, 0) AS customers,
    COALESCE(r.new_customers, 0) AS new_customers,
    COALESCE(r.orders, 0) AS orders,
    COALESCE(r.repeat_orders, 0) AS repeat_orders,
    CAST(COALESCE(r.revenue, 0) AS DECIMAL(38, 2)) AS revenue,
    CAST(COALESCE(r.acquisition_revenue, 0) AS DECIMAL(38, 2)) AS acquisition_revenue,
    CAST(COALESCE(r.repeat_revenue, 0) AS DECIMAL(38, 2)) AS repeat_revenue,
    CAST(CASE WHEN COALESCE(r.without_margin, 0) = 0 THEN COALESCE(r.gross_margin, 0) END AS DECIMAL(38, 2))
        AS gross_margin,
    CAST(
        CASE WHEN COALESCE(r.acquisition_without_margin, 0) = 0 THEN COALESCE(r.acquisition_margin, 0) END
        AS DECIMAL(38, 2)
    ) AS acquisition_margin,
    CAST(CASE WHEN COALESCE(r.repeat_without_margin, 0) = 0 THEN COALESCE(r.repeat_margin, 0) END AS DECIMAL(38, 2))
        AS repeat_margin,
    CAST(COALESCE(r.discount_amount, 0) AS DECIMAL(38, 2)) AS discount_amount,
    CAST(r.discount_amount AS DOUBLE) / NULLIF(r.undiscounted_revenue, 0) AS discount_share,
    CAST(c.cost_amount AS DECIMAL(38, 2)) AS cost_amount,
    e.incremental_profit,
    e.incremental_profit_low,
    e.incremental_profit_high,
    e.roi,
    e.roi_low,
    e.roi_high,
    e.method
FROM promo_codes AS c
FULL OUTER JOIN redeemed AS r ON c.promo_code = r.promo_code
LEFT JOIN promo_effect AS e ON c.promo_code = e.promo_code

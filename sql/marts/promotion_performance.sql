-- Use, revenue and discount of each promotion over all its codes. A receipt counts once for a promotion.
-- Grain: promotion that has promo codes (codes without one are only in promo_performance).
WITH code AS (
    SELECT
        promotion_id,
        COUNT(*) AS codes,
        CASE WHEN COUNT(DISTINCT kind) = 1 THEN MIN(kind) END AS kind,
        CASE WHEN COUNT(DISTINCT purpose) = 1 THEN MIN(purpose) END AS purpose,
        SUM(cost_amount) AS cost_amount
    FROM promo_performance
    WHERE promotion_id IS NOT NULL
    GROUP BY promotion_id
),

receipt AS (
    SELECT
        promo_performance.promotion_id,
        promo_order.receipt_id,
        MIN(promo_order.customer_id) AS customer_id,
        MIN(promo_order.revenue) AS revenue,
        MIN(promo_order.gross_margin) AS gross_margin,
        SUM(promo_order.discount_amount) AS discount_amount
    FROM promo_order
    INNER JOIN promo_performance ON promo_order.promo_code = promo_performance.promo_code
    WHERE promo_performance.promotion_id IS NOT NULL
    GROUP BY promo_performance.promotion_id, promo_order.receipt_id
),

redeemed AS (
    SELECT
        receipt.promotion_id,
        COUNT(*) AS redemptions,
        COUNT(DISTINCT receipt.customer_id) AS customers,
        COUNT(DISTINCT first_order.customer_id) AS new_customers,
        COUNT(receipt.customer_id) AS orders,
        SUM(receipt.revenue) AS revenue,
        CASE WHEN COUNT(*) = COUNT(receipt.gross_margin) THEN SUM(receipt.gross_margin) END AS gross_margin,
        SUM(receipt.discount_amount) AS discount_amount
    FROM receipt
    LEFT JOIN first_order ON receipt.receipt_id = first_order.receipt_id AND NOT first_order.is_left_censored
    GROUP BY receipt.promotion_id
)

-- The effect is NULL without a control group, as in promo_performance.
SELECT
    code.promotion_id,
    code.codes,
    code.kind,
    code.purpose,
    COALESCE(redeemed.redemptions, 0) AS redemptions,
    COALESCE(redeemed.customers, 0) AS customers,
    COALESCE(redeemed.new_customers, 0) AS new_customers,
    COALESCE(redeemed.orders, 0) AS orders,
    CAST(COALESCE(redeemed.revenue, 0) AS DECIMAL(38, 2)) AS revenue,
    CASE
        WHEN redeemed.promotion_id IS NULL THEN CAST(0 AS DECIMAL(38, 2))
        ELSE CAST(redeemed.gross_margin AS DECIMAL(38, 2))
    END AS gross_margin,
    CAST(COALESCE(redeemed.discount_amount, 0) AS DECIMAL(38, 2)) AS discount_amount,
    CAST(code.cost_amount AS DECIMAL(38, 2)) AS cost_amount,
    CAST(NULL AS DOUBLE) AS incremental_profit,
    CAST(NULL AS DOUBLE) AS roi,
    CAST(NULL AS VARCHAR) AS method  -- noqa: RF04
FROM code
LEFT JOIN redeemed ON code.promotion_id = redeemed.promotion_id

-- How deep each promotion's discounts are: discount / (revenue + discount) of a receipt, or of its lines on offer.
-- Grain: promotion and band. Receipts under two promotions are in both, so that nothing adds up over promotions.
WITH receipt AS (
    SELECT
        o.*,
        CAST(o.discount_amount AS DOUBLE) / NULLIF(o.discounted_revenue + o.discount_amount, 0) AS depth_share
    FROM promotion_order AS o
),

banded AS (
    SELECT
        receipt.*,
        CASE
            WHEN depth_share IS NULL THEN 'unknown'
            WHEN depth_share <= 0 THEN 'none'
            WHEN depth_share < 0.05 THEN 'under .05'
            WHEN depth_share < 0.1 THEN '.05 to .10'
            WHEN depth_share < 0.2 THEN '.10 to .20'
            WHEN depth_share < 0.3 THEN '.20 to .30'
            WHEN depth_share < 0.5 THEN '.30 to .50'
            ELSE '.50 and more'
        END AS depth_band
    FROM receipt
)

SELECT
    promotion_id,
    depth_band,
    COUNT(*) AS redemptions,
    COUNT(DISTINCT customer_id) AS customers,
    CAST(SUM(revenue) AS DECIMAL(38, 2)) AS revenue,
    CASE WHEN COUNT(*) = COUNT(gross_margin) THEN CAST(SUM(gross_margin) AS DECIMAL(38, 2)) END AS gross_margin,
    CAST(COALESCE(SUM(discount_amount), 0) AS DECIMAL(38, 2)) AS discount_amount,
    CAST(SUM(discount_amount) AS DOUBLE) / NULLIF(SUM(discounted_revenue) + SUM(discount_amount), 0) AS discount_share
FROM banded
GROUP BY promotion_id, depth_band

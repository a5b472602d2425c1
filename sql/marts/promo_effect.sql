-- What campaigns with a control group say of the promo codes that they handed out; NULL, and why, where nothing.
-- Grain: campaign that hands out promo codes. The effect is of the whole campaign, message and code together.
WITH handed_out AS (
    SELECT
        campaign_id,
        COUNT(*) AS code_count,
        COUNT(DISTINCT COALESCE(CONCAT('promotion ', promotion_id), CONCAT('code ', promo_code))) AS promotion_count,
        MIN(promo_code) AS promo_code,
        MIN(promotion_id) AS promotion_id,
        SUM(cost_amount) AS cost_amount
    FROM promo_codes
    WHERE campaign_id IS NOT NULL
    GROUP BY campaign_id
),

elsewhere AS (  -- promotions that also have codes of another campaign, or of none
    SELECT promotion_id
    FROM promo_codes
    WHERE promotion_id IS NOT NULL
    GROUP BY promotion_id
    HAVING COUNT(DISTINCT campaign_id) <> 1 OR COUNT(*) <> COUNT(campaign_id)
),

measured AS (  -- of one arm against control; of several, nobody knows here which got the code
    SELECT
        campaign_id,
        COUNT(*) AS arm_count,
        MIN(treated_customers) AS treated_customers,
        MIN(control_customers) AS control_customers,
        MIN(incremental_profit) AS incremental_profit,
        MIN(treated_customers * ci_low) AS profit_low,
        MIN(treated_customers * ci_high) AS profit_high,
        MIN(cost_amount) AS cost_amount,
        MIN(CASE WHEN is_complete AND pending_customers = 0 THEN 1 ELSE 0 END) = 1 AS is_over
    FROM campaign_effect
    WHERE metric = 'margin_per_customer' AND segment = 'all' AND method = 'randomised' AND compared_with = 'control'
    GROUP BY campaign_id
),

judged AS (
    SELECT
        h.*,
        m.treated_customers,
        m.control_customers,
        m.incremental_profit,
        m.profit_low,
        m.profit_high,
        COALESCE(CAST(m.cost_amount AS DECIMAL(38, 2)) + COALESCE(h.cost_amount, 0), h.cost_amount) AS whole_cost,
        CASE
            WHEN m.campaign_id IS NULL THEN 'no control group'
            WHEN m.arm_count > 1 THEN 'several offers'
            WHEN h.promotion_count > 1 THEN 'several promotions'
            WHEN elsewhere.promotion_id IS NOT NULL THEN 'codes elsewhere'
            WHEN NOT m.is_over THEN 'window open'
            WHEN m.incremental_profit IS NULL THEN 'effect unknown'
        END AS unknown_reason
    FROM handed_out AS h
    LEFT JOIN measured AS m ON h.campaign_id = m.campaign_id
    LEFT JOIN elsewhere ON h.promotion_id = elsewhere.promotion_id
)

SELECT
    campaign_id,
    code_count,
    promotion_count,
    CASE WHEN code_count = 1 THEN promo_code END AS promo_code,
    CASE WHEN promotion_count = 1 THEN promotion_id END AS promotion_id,
    treated_customers,
    control_customers,
    CAST(whole_cost AS DECIMAL(38, 2)) AS cost_amount,
    CASE WHEN unknown_reason IS NULL THEN incremental_profit END AS incremental_profit,
    CASE WHEN unknown_reason IS NULL THEN profit_low END AS incremental_profit_low,
    CASE WHEN unknown_reason IS NULL THEN profit_high END AS incremental_profit_high,
    CASE WHEN unknown_reason IS NULL THEN CAST(incremental_profit AS DOUBLE) / NULLIF(whole_cost, 0) - 1 END AS roi,
    CASE WHEN unknown_reason IS NULL THEN CAST(profit_low AS DOUBLE) / NULLIF(whole_cost, 0) - 1 END AS roi_low,
    CASE WHEN unknown_reason IS NULL THEN CAST(profit_high AS DOUBLE) / NULLIF(whole_cost, 0) - 1 END AS roi_high,
    CASE WHEN unknown_reason IS NULL THEN 'randomised' END AS method,  -- noqa: RF04
    unknown_reason
FROM judged

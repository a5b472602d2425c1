-- Campaigns and promotions by the money that they cost: which are shown to be waste, and which are not shown to pay.
-- Grain: campaign and arm, or promotion that no campaign's effect covers.
WITH campaign AS (
    SELECT
        e.campaign_id,
        e.arm,
        CASE WHEN p.method IS NOT NULL THEN p.promotion_id END AS promotion_id,
        e.method,
        e.verdict,
        e.metric,
        COALESCE(
            CASE WHEN p.method IS NOT NULL THEN CAST(p.cost_amount AS DOUBLE) END,
            e.break_even_effect * e.treated_customers,
            e.cost_amount
        ) AS spent,
        e.treated_customers * e.ci_low AS profit_low,
        e.treated_customers * e.shrunken_high AS most_profit,
        e.is_complete AND e.pending_customers = 0 AS is_over
    FROM campaign_effect AS e
    LEFT JOIN promo_effect AS p ON e.campaign_id = p.campaign_id
    WHERE
        e.is_primary
        AND e.segment = 'all'
        AND e.compared_with IN ('control', 'before')
        AND e.campaign_id <> 'programme'
),

reasoned AS (
    SELECT
        *,
        CASE
            WHEN method <> 'randomised' THEN 'no control group'
            WHEN NOT is_over THEN 'window open'
            WHEN metric <> 'margin_per_customer' THEN 'margin unknown'
            WHEN spent IS NULL THEN 'no cost'
            WHEN verdict = 'pays' AND profit_low > spent THEN 'pays'
            WHEN most_profit IS NULL THEN 'too few to compare'
            WHEN most_profit < spent THEN 'waste'
            ELSE 'may pay'
        END AS found
    FROM campaign
),

listed AS (
    SELECT
        'campaign' AS subject_kind,
        campaign_id AS subject_id,
        arm,
        promotion_id,
        CASE WHEN found IN ('pays', 'waste') THEN found ELSE 'not shown to pay' END AS verdict,
        CASE WHEN found NOT IN ('pays', 'waste') THEN found END AS reason,
        CAST(spent AS DECIMAL(18, 2)) AS cost_amount,
        CAST(NULL AS DECIMAL(18, 2)) AS discount_amount,
        CAST(CASE WHEN found = 'waste' THEN spent - most_profit END AS DECIMAL(18, 2)) AS wasted_amount
    FROM reasoned
    UNION ALL
    SELECT
        'promotion' AS subject_kind,
        promotion_id AS subject_id,
        CAST(NULL AS VARCHAR) AS arm,
        promotion_id,
        'not shown to pay' AS verdict,
        'no control group' AS reason,
        CAST(cost_amount AS DECIMAL(18, 2)) AS cost_amount,
        CAST(discount_amount AS DECIMAL(18, 2)) AS discount_amount,
        CAST(NULL AS DECIMAL(18, 2)) AS wasted_amount
    FROM promotion_performance
    WHERE method IS NULL AND redemptions > 0
)

SELECT
    subject_kind,
    subject_id,
    arm,
    promotion_id,
    verdict,
    reason,
    cost_amount,
    discount_amount,
    wasted_amount,
    RANK() OVER (
        PARTITION BY verdict
        ORDER BY COALESCE(wasted_amount, COALESCE(cost_amount, 0) + COALESCE(discount_amount, 0)) DESC
    ) AS money_rank
FROM listed

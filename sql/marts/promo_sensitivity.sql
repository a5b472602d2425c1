-- How much more a deeper discount sells, by segment: from offers of different depth to arms that were drawn at random.
-- Grain: campaign, metric, segment and pair of offers. NULL, and why, where depths are unknown or do not differ.
WITH named AS (  -- an arm bears the name of the promo code or of the promotion that it got
    SELECT
        campaign_id,
        promo_code AS arm,
        kind,
        value
    FROM promo_codes
    UNION ALL
    SELECT
        campaign_id,
        promotion_id AS arm,
        kind,
        value
    FROM promo_codes
    WHERE promotion_id IS NOT NULL
),

deep AS (
    SELECT
        campaign_id,
        arm,
        CASE
            WHEN MIN(kind) = 'percent' AND MAX(kind) = 'percent' AND COUNT(*) = COUNT(kind) AND MIN(value) = MAX(value)
                THEN MIN(value)
        END AS depth_percent
    FROM named
    WHERE campaign_id IS NOT NULL
    GROUP BY campaign_id, arm
),

paired AS (
    SELECT
        e.*,
        own.depth_percent,
        other.depth_percent AS compared_depth_percent,
        CASE
            WHEN own.depth_percent IS NULL OR other.depth_percent IS NULL THEN 'depth unknown'
            WHEN own.depth_percent = other.depth_percent THEN 'equal depths'
            WHEN NOT e.is_complete OR e.pending_customers > 0 THEN 'window open'
            WHEN e.effect IS NULL OR e.ci_low IS NULL THEN 'effect unknown'
        END AS unknown_reason
    FROM campaign_effect AS e
    LEFT JOIN deep AS own ON e.campaign_id = own.campaign_id AND e.arm = own.arm
    LEFT JOIN deep AS other ON e.campaign_id = other.campaign_id AND e.compared_with = other.arm
    WHERE e.method = 'randomised' AND e.compared_with <> 'control'
),

scaled AS (
    SELECT
        paired.*,
        CASE WHEN unknown_reason IS NULL THEN CAST(depth_percent - compared_depth_percent AS DOUBLE) END AS points
    FROM paired
)

SELECT
    campaign_id,
    metric,
    segment,
    arm,
    compared_with,
    CAST(depth_percent AS DOUBLE) / 100 AS discount_depth,
    CAST(compared_depth_percent AS DOUBLE) / 100 AS compared_discount_depth,
    treated_customers,
    control_customers,
    CAST(effect AS DOUBLE) / NULLIF(points, 0) AS effect_per_point,
    LEAST(CAST(ci_low AS DOUBLE) / NULLIF(points, 0), CAST(ci_high AS DOUBLE) / NULLIF(points, 0))
        AS effect_per_point_low,
    GREATEST(CAST(ci_low AS DOUBLE) / NULLIF(points, 0), CAST(ci_high AS DOUBLE) / NULLIF(points, 0))
        AS effect_per_point_high,
    unknown_reason
FROM scaled

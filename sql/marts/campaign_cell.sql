-- Sums over a campaign's customers by what may tell them apart, from which campaign_outcome is added up: of their value
-- v in the window, the same p in the pre-period, and their tenure t in days, with their squares, cubes and products.
-- Grain: campaign, metric, arm, stratum (who were assigned with the same share of control) and segments at the
-- assignment. Customers whose own window is over alone are in the sums; revenue of the pre-period is everybody's.
WITH measured AS (  -- a sum of decimals is the same in any order; cubes may have too many digits, so each is rounded
    SELECT
        campaign_value.*,
        CAST(GREATEST(LEAST(metric_value, 10000000000), -10000000000) AS DOUBLE) AS v,
        CAST(GREATEST(LEAST(pre_value, 10000000000), -10000000000) AS DOUBLE) AS p,
        CAST(tenure_days AS DOUBLE) AS t
    FROM campaign_value
),

multiplied AS (
    SELECT
        measured.*,
        CAST(v * v AS DECIMAL(38, 4)) AS vv,
        CAST(v * p AS DECIMAL(38, 4)) AS vp,
        CAST(v * t AS DECIMAL(38, 4)) AS vt,
        CAST(p * p AS DECIMAL(38, 4)) AS pp,
        CAST(p * t AS DECIMAL(38, 4)) AS pt,
        CAST(t * t AS DECIMAL(38, 4)) AS tt,
        CAST(v * v * v AS DECIMAL(38, 6)) AS vvv,
        CAST(v * v * p AS DECIMAL(38, 6)) AS vvp,
        CAST(v * v * t AS DECIMAL(38, 6)) AS vvt,
        CAST(v * p * p AS DECIMAL(38, 6)) AS vpp,
        CAST(v * p * t AS DECIMAL(38, 6)) AS vpt,
        CAST(v * t * t AS DECIMAL(38, 6)) AS vtt,
        CAST(p * p * p AS DECIMAL(38, 6)) AS ppp,
        CAST(p * p * t AS DECIMAL(38, 6)) AS ppt,
        CAST(p * t * t AS DECIMAL(38, 6)) AS ptt,
        CAST(t * t * t AS DECIMAL(38, 6)) AS ttt
    FROM measured
)

SELECT
    campaign_id,
    metric,
    arm,
    stratum,
    rfm_segment,
    clv_tier,
    MIN(control_share) AS control_share,
    COUNT(*) FILTER (WHERE is_over) AS customers,
    COUNT(*) FILTER (WHERE NOT is_over) AS pending_customers,
    COUNT(*) FILTER (WHERE is_over AND is_buyer) AS buyers,
    MAX(window_days) AS window_days,
    CAST(SUM(pre_window_count) FILTER (WHERE is_over) AS BIGINT) AS pre_window_count,
    CAST(SUM(pre_bought_window_count) FILTER (WHERE is_over) AS BIGINT) AS pre_bought_window_count,
    COUNT(*) FILTER (WHERE is_over AND before_value IS NULL) AS without_before,
    CAST(SUM(before_value) FILTER (WHERE is_over) AS DECIMAL(38, 2)) AS before_sum,
    CAST(SUM(revenue) FILTER (WHERE is_over) AS DECIMAL(38, 2)) AS revenue,
    CAST(SUM(uncosted_revenue) FILTER (WHERE is_over) AS DECIMAL(38, 2)) AS uncosted_revenue,
    CAST(SUM(pre_revenue) AS DECIMAL(38, 2)) AS pre_revenue,
    CAST(SUM(pre_uncosted_revenue) AS DECIMAL(38, 2)) AS pre_uncosted_revenue,
    CAST(SUM(metric_value) FILTER (WHERE is_over) AS DECIMAL(38, 4)) AS sum_v,
    CAST(SUM(pre_value) FILTER (WHERE is_over) AS DECIMAL(38, 4)) AS sum_p,
    CAST(SUM(tenure_days) FILTER (WHERE is_over) AS DECIMAL(38, 4)) AS sum_t,
    CAST(SUM(vv) FILTER (WHERE is_over) AS DECIMAL(38, 4)) AS sum_vv,
    CAST(SUM(vp) FILTER (WHERE is_over) AS DECIMAL(38, 4)) AS sum_vp,
    CAST(SUM(vt) FILTER (WHERE is_over) AS DECIMAL(38, 4)) AS sum_vt,
    CAST(SUM(pp) FILTER (WHERE is_over) AS DECIMAL(38, 4)) AS sum_pp,
    CAST(SUM(pt) FILTER (WHERE is_over) AS DECIMAL(38, 4)) AS sum_pt,
    CAST(SUM(tt) FILTER (WHERE is_over) AS DECIMAL(38, 4)) AS sum_tt,
    CAST(SUM(vvv) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_vvv,
    CAST(SUM(vvp) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_vvp,
    CAST(SUM(vvt) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_vvt,
    CAST(SUM(vpp) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_vpp,
    CAST(SUM(vpt) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_vpt,
    CAST(SUM(vtt) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_vtt,
    CAST(SUM(ppp) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_ppp,
    CAST(SUM(ppt) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_ppt,
    CAST(SUM(ptt) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_ptt,
    CAST(SUM(ttt) FILTER (WHERE is_over) AS DECIMAL(38, 6)) AS sum_ttt
FROM multiplied
GROUP BY campaign_id, metric, arm, stratum, rfm_segment, clv_tier

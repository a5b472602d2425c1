-- Exact sums over a campaign's customers whose own window is over, from which campaign_effect is computed.
-- Grain: campaign, metric, segment at the assignment ('all': everyone), arm and stratum. The letters of the sums are
-- explained in campaign_cell.
WITH rolled AS (
    SELECT
        cell.*,
        families.segment_family,
        CASE
            WHEN families.segment_family = 'all' THEN 'all'
            WHEN families.segment_family = 'rfm_segment' THEN cell.rfm_segment
            ELSE CONCAT('clv_tier:', cell.clv_tier)
        END AS segment
    FROM campaign_cell AS cell
    CROSS JOIN (VALUES ('all'), ('rfm_segment'), ('clv_tier')) AS families (segment_family)
),

summed AS (
    SELECT
        campaign_id,
        metric,
        segment_family,
        segment,
        arm,
        stratum,
        MIN(control_share) AS control_share,
        MAX(window_days) AS window_days,
        CAST(SUM(customers) AS BIGINT) AS customers,
        CAST(SUM(pending_customers) AS BIGINT) AS pending_customers,
        CAST(SUM(buyers) AS BIGINT) AS buyers,
        CAST(SUM(pre_window_count) AS BIGINT) AS pre_window_count,
        CAST(SUM(pre_bought_window_count) AS BIGINT) AS pre_bought_window_count,
        CAST(SUM(without_before) AS BIGINT) AS without_before,
        CAST(SUM(before_sum) AS DECIMAL(38, 2)) AS before_sum,
        CAST(SUM(revenue) AS DECIMAL(38, 2)) AS revenue,
        CAST(SUM(uncosted_revenue) AS DECIMAL(38, 2)) AS uncosted_revenue,
        CAST(SUM(pre_revenue) AS DECIMAL(38, 2)) AS pre_revenue,
        CAST(SUM(pre_uncosted_revenue) AS DECIMAL(38, 2)) AS pre_uncosted_revenue,
        CAST(SUM(sum_v) AS DECIMAL(38, 4)) AS sum_v,
        CAST(SUM(sum_p) AS DECIMAL(38, 4)) AS sum_p,
        CAST(SUM(sum_t) AS DECIMAL(38, 4)) AS sum_t,
        CAST(SUM(sum_vv) AS DECIMAL(38, 4)) AS sum_vv,
        CAST(SUM(sum_vp) AS DECIMAL(38, 4)) AS sum_vp,
        CAST(SUM(sum_vt) AS DECIMAL(38, 4)) AS sum_vt,
        CAST(SUM(sum_pp) AS DECIMAL(38, 4)) AS sum_pp,
        CAST(SUM(sum_pt) AS DECIMAL(38, 4)) AS sum_pt,
        CAST(SUM(sum_tt) AS DECIMAL(38, 4)) AS sum_tt,
        CAST(SUM(sum_vvv) AS DECIMAL(38, 6)) AS sum_vvv,
        CAST(SUM(sum_vvp) AS DECIMAL(38, 6)) AS sum_vvp,
        CAST(SUM(sum_vvt) AS DECIMAL(38, 6)) AS sum_vvt,
        CAST(SUM(sum_vpp) AS DECIMAL(38, 6)) AS sum_vpp,
        CAST(SUM(sum_vpt) AS DECIMAL(38, 6)) AS sum_vpt,
        CAST(SUM(sum_vtt) AS DECIMAL(38, 6)) AS sum_vtt,
        CAST(SUM(sum_ppp) AS DECIMAL(38, 6)) AS sum_ppp,
        CAST(SUM(sum_ppt) AS DECIMAL(38, 6)) AS sum_ppt,
        CAST(SUM(sum_ptt) AS DECIMAL(38, 6)) AS sum_ptt,
        CAST(SUM(sum_ttt) AS DECIMAL(38, 6)) AS sum_ttt
    FROM rolled
    GROUP BY campaign_id, metric, segment_family, segment, arm, stratum
)

SELECT
    summed.campaign_id,
    summed.metric,
    summed.segment_family,
    summed.segment,
    summed.arm,
    summed.stratum,
    summed.control_share,
    summed.window_days,
    summed.customers,
    summed.pending_customers,
    summed.buyers,
    summed.pre_window_count,
    summed.pre_bought_window_count,
    CASE WHEN summed.without_before = 0 THEN summed.before_sum END AS before_sum,
    summed.revenue,
    summed.uncosted_revenue,
    summed.pre_revenue,
    summed.pre_uncosted_revenue,
    summed.sum_v,
    summed.sum_p,
    summed.sum_t,
    summed.sum_vv,
    summed.sum_vp,
    summed.sum_vt,
    summed.sum_pp,
    summed.sum_pt,
    summed.sum_tt,
    summed.sum_vvv,
    summed.sum_vvp,
    summed.sum_vvt,
    summed.sum_vpp,
    summed.sum_vpt,
    summed.sum_vtt,
    summed.sum_ppp,
    summed.sum_ppt,
    summed.sum_ptt,
    summed.sum_ttt,
    summed.pending_customers = 0 AND COALESCE(own.ends_on <= night.run_date, TRUE) AS is_over,
    COALESCE(campaigns.ends_on, own.ends_on) IS NOT NULL AS has_end,
    own.primary_metric,
    campaign_cost.cost_amount
FROM summed
CROSS JOIN night
LEFT JOIN campaign_cost ON summed.campaign_id = campaign_cost.campaign_id
LEFT JOIN campaigns ON summed.campaign_id = campaigns.campaign_id
LEFT JOIN history.own_campaign AS own ON summed.campaign_id = own.campaign_id

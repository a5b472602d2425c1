-- Exact sums over customers whose window after the window is over, as long as the window: of their value v in the
-- window, after it, or in both together (net), and of the same p in the pre-period, with squares, cubes and products.
-- Grain: campaign, metric (revenue or margin), part (window, after or net), arm and stratum.
WITH placed AS (
    SELECT
        assigned.*,
        metric.metric,
        part.part,
        assigned.after_end_date <= night.run_date AS is_done,
        CASE WHEN part.part = 'after' THEN 0 ELSE 1 END AS has_window,
        CASE WHEN part.part = 'window' THEN 0 ELSE 1 END AS has_after
    FROM campaign_customer_outcome AS assigned
    CROSS JOIN night
    CROSS JOIN (VALUES ('revenue_per_customer'), ('margin_per_customer')) AS metric (metric)
    CROSS JOIN (VALUES ('window'), ('after'), ('net')) AS part (part)
),

measured AS (  -- a sum of decimals is the same in any order; cubes may have too many digits, so each is rounded
    SELECT
        placed.*,
        COALESCE(CAST(control_share AS VARCHAR), 'unknown') AS stratum,
        has_window * revenue + has_after * after_revenue AS part_revenue,
        has_window * uncosted_revenue + has_after * after_uncosted_revenue AS part_uncosted_revenue,
        CASE metric
            WHEN 'revenue_per_customer' THEN has_window * revenue + has_after * after_revenue
            ELSE has_window * costed_margin + has_after * after_costed_margin
        END AS part_value,
        CASE metric WHEN 'revenue_per_customer' THEN pre_revenue ELSE pre_costed_margin END AS pre_value
    FROM placed
),

bounded AS (
    SELECT
        measured.*,
        CAST(GREATEST(LEAST(part_value, 10000000000), -10000000000) AS DOUBLE) AS v,
        CAST(GREATEST(LEAST(pre_value, 10000000000), -10000000000) AS DOUBLE) AS p
    FROM measured
)

SELECT
    campaign_id,
    metric,
    part,
    arm,
    stratum,
    COUNT(*) FILTER (WHERE is_done) AS customers,
    COUNT(*) FILTER (WHERE NOT is_done) AS pending_customers,
    CAST(SUM(pre_window_count) FILTER (WHERE is_done) AS BIGINT) AS pre_window_count,
    CAST(SUM(pre_bought_window_count) FILTER (WHERE is_done) AS BIGINT) AS pre_bought_window_count,
    CAST(SUM(part_revenue) FILTER (WHERE is_done) AS DECIMAL(38, 2)) AS revenue,
    CAST(SUM(part_uncosted_revenue) FILTER (WHERE is_done) AS DECIMAL(38, 2)) AS uncosted_revenue,
    CAST(SUM(CAST(v AS DECIMAL(38, 4))) FILTER (WHERE is_done) AS DECIMAL(38, 4)) AS sum_v,
    CAST(SUM(CAST(p AS DECIMAL(38, 4))) FILTER (WHERE is_done) AS DECIMAL(38, 4)) AS sum_p,
    CAST(SUM(CAST(v * v AS DECIMAL(38, 4))) FILTER (WHERE is_done) AS DECIMAL(38, 4)) AS sum_vv,
    CAST(SUM(CAST(v * p AS DECIMAL(38, 4))) FILTER (WHERE is_done) AS DECIMAL(38, 4)) AS sum_vp,
    CAST(SUM(CAST(p * p AS DECIMAL(38, 4))) FILTER (WHERE is_done) AS DECIMAL(38, 4)) AS sum_pp,
    CAST(SUM(CAST(v * v * v AS DECIMAL(38, 6))) FILTER (WHERE is_done) AS DECIMAL(38, 6)) AS sum_vvv,
    CAST(SUM(CAST(v * v * p AS DECIMAL(38, 6))) FILTER (WHERE is_done) AS DECIMAL(38, 6)) AS sum_vvp,
    CAST(SUM(CAST(v * p * p AS DECIMAL(38, 6))) FILTER (WHERE is_done) AS DECIMAL(38, 6)) AS sum_vpp,
    CAST(SUM(CAST(p * p * p AS DECIMAL(38, 6))) FILTER (WHERE is_done) AS DECIMAL(38, 6)) AS sum_ppp
FROM bounded
GROUP BY campaign_id, metric, part, arm, stratum

-- What each assigned customer bought in the days that count of a campaign, and in the pre-period before them.
-- Grain: campaign and customer, delivered or not. What is "before" is the window's length right before it, NULL if the
-- data begin later; the pre-period is longer, see campaign_period.
WITH summed AS (
    SELECT
        campaign_id,
        customer_id,
        SUM(order_count) FILTER (WHERE place = -1) AS order_count,
        SUM(revenue) FILTER (WHERE place = -1) AS revenue,
        SUM(costed_margin) FILTER (WHERE place = -1) AS costed_margin,
        SUM(uncosted_revenue) FILTER (WHERE place = -1) AS uncosted_revenue,
        SUM(revenue) FILTER (WHERE place = -2) AS after_revenue,
        SUM(costed_margin) FILTER (WHERE place = -2) AS after_margin,
        SUM(uncosted_revenue) FILTER (WHERE place = -2) AS after_uncosted_revenue,
        SUM(order_count) FILTER (WHERE place = 0) AS before_order_count,
        SUM(revenue) FILTER (WHERE place = 0) AS before_revenue,
        SUM(costed_margin) FILTER (WHERE place = 0) AS before_margin,
        SUM(order_count) FILTER (WHERE place >= 0) AS pre_order_count,
        SUM(revenue) FILTER (WHERE place >= 0) AS pre_revenue,
        SUM(costed_margin) FILTER (WHERE place >= 0) AS pre_margin,
        SUM(uncosted_revenue) FILTER (WHERE place >= 0) AS pre_uncosted_revenue,
        COUNT(*) FILTER (WHERE place >= 0 AND place < pre_window_count AND order_count > 0) AS pre_bought_window_count
    FROM campaign_purchase
    GROUP BY campaign_id, customer_id
),

scored AS (  -- as the last night before knew them
    SELECT
        period.campaign_id,
        period.customer_id,
        known.rfm_segment,
        known.clv_tier
    FROM campaign_period AS period
    INNER JOIN history.customer_score_history AS known
        ON
            period.customer_id = known.customer_id
            AND period.counts_from > known.valid_from
            AND period.counts_from <= COALESCE(known.valid_to, DATE '9999-12-31')
)

SELECT
    a.campaign_id,
    a.customer_id,
    a.arm,
    a.control_share,
    a.assigned_date,
    a.counts_from,
    a.window_end_date,
    DATE_DIFF('day', a.assigned_date, a.window_end_date) AS window_days,
    CAST(COALESCE(s.order_count, 0) AS BIGINT) AS order_count,
    CAST(COALESCE(s.revenue, 0) AS DECIMAL(18, 2)) AS revenue,
    CAST(COALESCE(s.costed_margin, 0) AS DECIMAL(18, 2)) AS costed_margin,
    CAST(COALESCE(s.uncosted_revenue, 0) AS DECIMAL(18, 2)) AS uncosted_revenue,
    a.window_end_date + a.length AS after_end_date,
    CAST(COALESCE(s.after_revenue, 0) AS DECIMAL(18, 2)) AS after_revenue,
    CAST(COALESCE(s.after_margin, 0) AS DECIMAL(18, 2)) AS after_costed_margin,
    CAST(COALESCE(s.after_uncosted_revenue, 0) AS DECIMAL(18, 2)) AS after_uncosted_revenue,
    CASE WHEN a.pre_window_count > 0 THEN CAST(COALESCE(s.before_order_count, 0) AS BIGINT) END AS before_order_count,
    CASE WHEN a.pre_window_count > 0 THEN CAST(COALESCE(s.before_revenue, 0) AS DECIMAL(18, 2)) END AS before_revenue,
    CASE WHEN a.pre_window_count > 0 THEN CAST(COALESCE(s.before_margin, 0) AS DECIMAL(18, 2)) END AS before_margin,
    CAST(COALESCE(s.pre_order_count, 0) AS BIGINT) AS pre_order_count,
    CAST(COALESCE(s.pre_revenue, 0) AS DECIMAL(18, 2)) AS pre_revenue,
    CAST(COALESCE(s.pre_margin, 0) AS DECIMAL(18, 2)) AS pre_costed_margin,
    CAST(COALESCE(s.pre_uncosted_revenue, 0) AS DECIMAL(18, 2)) AS pre_uncosted_revenue,
    a.pre_window_count,
    CAST(COALESCE(s.pre_bought_window_count, 0) AS BIGINT) AS pre_bought_window_count,
    CAST(COALESCE(GREATEST(DATE_DIFF('day', t.first_order_date, a.counts_from), 0), 0) AS BIGINT) AS tenure_days,
    COALESCE(h.rfm_segment, 'unknown') AS rfm_segment,
    COALESCE(h.clv_tier, 'unknown') AS clv_tier
FROM campaign_period AS a
LEFT JOIN summed AS s ON a.campaign_id = s.campaign_id AND a.customer_id = s.customer_id
LEFT JOIN customer_totals AS t ON a.customer_id = t.customer_id
LEFT JOIN scored AS h ON a.campaign_id = h.campaign_id AND a.customer_id = h.customer_id

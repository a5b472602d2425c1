-- What is compared in campaigns: each customer's value of a metric, and what they did before.
-- Grain: campaign, customer and metric.
SELECT
    assigned.campaign_id,
    assigned.customer_id,
    metric.metric,
    assigned.arm,
    COALESCE(CAST(assigned.control_share AS VARCHAR), 'unknown') AS stratum,
    assigned.control_share,
    assigned.rfm_segment,
    assigned.clv_tier,
    assigned.window_days,
    assigned.window_end_date <= night.run_date AS is_over,
    assigned.order_count > 0 AS is_buyer,
    assigned.pre_window_count,
    assigned.pre_bought_window_count,
    assigned.tenure_days,
    CASE metric.metric
        WHEN 'buyer_rate' THEN CAST(SIGN(assigned.order_count) AS DECIMAL(18, 2))
        WHEN 'orders_per_customer' THEN CAST(assigned.order_count AS DECIMAL(18, 2))
        WHEN 'revenue_per_customer' THEN assigned.revenue
        WHEN 'margin_per_customer' THEN assigned.costed_margin
    END AS metric_value,
    CASE metric.metric
        WHEN 'buyer_rate' THEN CAST(SIGN(assigned.before_order_count) AS DECIMAL(18, 2))
        WHEN 'orders_per_customer' THEN CAST(assigned.before_order_count AS DECIMAL(18, 2))
        WHEN 'revenue_per_customer' THEN assigned.before_revenue
        WHEN 'margin_per_customer' THEN assigned.before_margin
    END AS before_value,
    CASE metric.metric
        WHEN 'revenue_per_customer' THEN assigned.pre_revenue
        WHEN 'margin_per_customer' THEN assigned.pre_costed_margin
        ELSE CAST(assigned.pre_order_count AS DECIMAL(18, 2))
    END AS pre_value,
    assigned.revenue,
    assigned.uncosted_revenue,
    assigned.pre_revenue,
    assigned.pre_uncosted_revenue
FROM campaign_customer_outcome AS assigned
CROSS JOIN night
CROSS JOIN (
    VALUES ('buyer_rate'), ('orders_per_customer'), ('revenue_per_customer'), ('margin_per_customer')
) AS metric (metric)

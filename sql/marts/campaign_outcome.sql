-- Exact sums over a campaign's assigned customers whose own window is over, from which campaign_effect is computed.
-- Grain: campaign, arm, segment ('all': everyone) and metric. A sum is NULL if one customer's value is unknown.
WITH measured AS (
    SELECT
        outcome.campaign_id,
        outcome.arm,
        metric.metric,
        outcome.window_days,
        outcome.window_end_date <= night.run_date AS is_over,
        CASE WHEN outcome.order_count > 0 THEN 1 ELSE 0 END AS buyer,
        CASE metric.metric
            WHEN 'buyer_rate' THEN CAST(SIGN(outcome.order_count) AS DECIMAL(18, 2))
            WHEN 'orders_per_customer' THEN CAST(outcome.order_count AS DECIMAL(18, 2))
            WHEN 'revenue_per_customer' THEN outcome.revenue
            WHEN 'margin_per_customer' THEN outcome.gross_margin
        END AS metric_value,
        CASE metric.metric
            WHEN 'buyer_rate' THEN CAST(SIGN(outcome.pre_order_count) AS DECIMAL(18, 2))
            WHEN 'orders_per_customer' THEN CAST(outcome.pre_order_count AS DECIMAL(18, 2))
            WHEN 'revenue_per_customer' THEN outcome.pre_revenue
            WHEN 'margin_per_customer' THEN outcome.pre_gross_margin
        END AS pre_value
    FROM campaign_customer_outcome AS outcome
    CROSS JOIN night
    CROSS JOIN (
        VALUES ('buyer_rate'), ('orders_per_customer'), ('revenue_per_customer'), ('margin_per_customer')
    ) AS metric (metric)
),

-- A sum of decimals is the same in whatever order; cubes have too many digits for one, so each is rounded.
bounded AS (
    SELECT
        measured.*,
        CAST(GREATEST(LEAST(metric_value, 10000000000), -10000000000) AS DOUBLE) AS bounded_value
    FROM measured
),

valued AS (
    SELECT
        bounded.*,
        CAST(bounded_value * bounded_value * bounded_value AS DECIMAL(38, 4)) AS metric_cube
    FROM bounded
),

summed AS (
    SELECT
        campaign_id,
        arm,
        metric,
        COUNT(*) FILTER (WHERE is_over) AS customers,
        COUNT(*) FILTER (WHERE NOT is_over) AS pending_customers,
        COALESCE(SUM(buyer) FILTER (WHERE is_over), 0) AS buyers,
        COUNT(*) FILTER (WHERE is_over AND metric_value IS NULL) = 0 AS is_known,
        COUNT(*) FILTER (WHERE is_over AND pre_value IS NULL) = 0 AS is_pre_known,
        SUM(metric_value) FILTER (WHERE is_over) AS value_sum,
        SUM(metric_value * metric_value) FILTER (WHERE is_over) AS value_sum_of_squares,
        SUM(metric_cube) FILTER (WHERE is_over) AS value_sum_of_cubes,
        SUM(pre_value) FILTER (WHERE is_over) AS pre_value_sum,
        SUM(pre_value * pre_value) FILTER (WHERE is_over) AS pre_value_sum_of_squares,
        SUM(metric_value * pre_value) FILTER (WHERE is_over) AS product_sum,
        MAX(window_days) AS window_days
    FROM valued
    GROUP BY campaign_id, arm, metric
)

SELECT
    summed.campaign_id,
    summed.arm,
    'all' AS segment,
    summed.metric,
    summed.customers,
    summed.pending_customers,
    CAST(summed.buyers AS BIGINT) AS buyers,
    CAST(CASE WHEN summed.is_known THEN summed.value_sum END AS DECIMAL(38, 2)) AS value_sum,
    CAST(CASE WHEN summed.is_known THEN summed.value_sum_of_squares END AS DECIMAL(38, 4)) AS value_sum_of_squares,
    CAST(CASE WHEN summed.is_known THEN summed.value_sum_of_cubes END AS DECIMAL(38, 4)) AS value_sum_of_cubes,
    CAST(CASE WHEN summed.is_pre_known THEN summed.pre_value_sum END AS DECIMAL(38, 2)) AS pre_value_sum,
    CAST(CASE WHEN summed.is_pre_known THEN summed.pre_value_sum_of_squares END AS DECIMAL(38, 4))
        AS pre_value_sum_of_squares,
    CAST(CASE WHEN summed.is_known AND summed.is_pre_known THEN summed.product_sum END AS DECIMAL(38, 4))
        AS product_sum,
    summed.window_days,
    summed.pending_customers = 0 OR (campaigns.ends_on IS NULL AND summed.customers > 0) AS is_complete,
    campaign_cost.cost_amount
FROM summed
LEFT JOIN campaign_cost ON summed.campaign_id = campaign_cost.campaign_id
LEFT JOIN campaigns ON summed.campaign_id = campaigns.campaign_id

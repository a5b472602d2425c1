-- Exact sums over a campaign's assigned customers, from which campaign_effect is computed.
-- Grain: campaign, arm, segment ('all': everyone) and metric. A sum is NULL if one customer's value is unknown.
WITH measured AS (
    SELECT
        outcome.campaign_id,
        outcome.arm,
        metric.metric,
        outcome.window_days,
        outcome.window_end_date,
        CASE WHEN outcome.order_count > 0 THEN 1 ELSE 0 END AS buyer,
        CASE metric.metric
            WHEN 'buyer_rate' THEN CAST(CASE WHEN outcome.order_count > 0 THEN 1 ELSE 0 END AS DECIMAL(18, 2))
            WHEN 'orders_per_customer' THEN CAST(outcome.order_count AS DECIMAL(18, 2))
            WHEN 'revenue_per_customer' THEN outcome.revenue
            WHEN 'margin_per_customer' THEN outcome.gross_margin
        END AS metric_value,
        CASE metric.metric
            WHEN 'buyer_rate'
                THEN
                    CAST(
                        CASE WHEN outcome.pre_order_count > 0 THEN 1 WHEN outcome.pre_order_count IS NOT NULL THEN 0 END
                        AS DECIMAL(18, 2)
                    )
            WHEN 'orders_per_customer' THEN CAST(outcome.pre_order_count AS DECIMAL(18, 2))
            WHEN 'revenue_per_customer' THEN outcome.pre_revenue
            WHEN 'margin_per_customer' THEN outcome.pre_gross_margin
        END AS pre_value
    FROM campaign_customer_outcome AS outcome
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
        valued.campaign_id,
        valued.arm,
        valued.metric,
        COUNT(*) AS customers,
        SUM(valued.buyer) AS buyers,
        COUNT(*) = COUNT(valued.metric_value) AS is_known,
        COUNT(*) = COUNT(valued.pre_value) AS is_pre_known,
        SUM(valued.metric_value) AS value_sum,
        SUM(valued.metric_value * valued.metric_value) AS value_sum_of_squares,
        SUM(valued.metric_cube) AS value_sum_of_cubes,
        SUM(valued.pre_value) AS pre_value_sum,
        SUM(valued.pre_value * valued.pre_value) AS pre_value_sum_of_squares,
        SUM(valued.metric_value * valued.pre_value) AS product_sum,
        MAX(valued.window_days) AS window_days,
        MAX(valued.window_end_date) <= MAX(night.run_date) AS is_complete
    FROM valued
    CROSS JOIN night
    GROUP BY valued.campaign_id, valued.arm, valued.metric
)

SELECT
    summed.campaign_id,
    summed.arm,
    'all' AS segment,
    summed.metric,
    summed.customers,
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
    summed.is_complete,
    campaign_cost.cost_amount
FROM summed
LEFT JOIN campaign_cost ON summed.campaign_id = campaign_cost.campaign_id

-- What the hundredth of an arm's customers with the largest values bought: a few may make the effect.
-- Grain: campaign, arm and metric (revenue or margin). Ties at the boundary count in parts.
WITH valued AS (
    SELECT
        campaign_id,
        arm,
        metric,
        metric_value,
        RANK() OVER (PARTITION BY campaign_id, arm, metric ORDER BY metric_value DESC) AS first_place,
        COUNT(*) OVER (PARTITION BY campaign_id, arm, metric) AS customers
    FROM campaign_value
    WHERE is_over AND metric IN ('revenue_per_customer', 'margin_per_customer')
),

tied AS (
    SELECT
        campaign_id,
        arm,
        metric,
        metric_value,
        first_place,
        MIN(customers) AS customers,
        COUNT(*) AS tied_customers
    FROM valued
    GROUP BY campaign_id, arm, metric, metric_value, first_place
),

placed AS (
    SELECT
        tied.*,
        LEAST(GREATEST(CAST(CEIL(customers * 0.01) AS BIGINT) - first_place + 1, 0), tied_customers) AS counted
    FROM tied
)

SELECT
    campaign_id,
    arm,
    metric,
    CAST(MAX(CEIL(customers * 0.01)) AS BIGINT) AS top_customers,
    CAST(SUM(metric_value * counted) AS DECIMAL(38, 2)) AS top_sum
FROM placed
GROUP BY campaign_id, arm, metric

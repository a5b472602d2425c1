-- What campaign_effect tells of an arm besides its sums.
-- Grain: campaign and arm.
WITH top AS (
    SELECT
        campaign_id,
        arm,
        MAX(CASE WHEN metric = 'revenue_per_customer' THEN top_sum END) AS top_revenue,
        MAX(CASE WHEN metric = 'margin_per_customer' THEN top_sum END) AS top_margin
    FROM campaign_top
    GROUP BY campaign_id, arm
)

SELECT
    reach.campaign_id,
    reach.arm,
    reach.customers,
    reach.delivered_customers,
    reach.code_customers,
    top.top_revenue,
    top.top_margin,
    overlap.campaigns_at_once
FROM campaign_reach AS reach
LEFT JOIN top ON reach.campaign_id = top.campaign_id AND reach.arm = top.arm
LEFT JOIN campaign_overlap AS overlap ON reach.campaign_id = overlap.campaign_id

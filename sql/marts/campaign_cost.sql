-- Cost of each campaign up to tonight: fixed and contacts. Discounts are no cost, because profit is counted after them.
-- Grain: campaign with a cost on record.
WITH cost AS (
    SELECT
        campaign_id,
        cost_amount AS fixed_cost_amount,
        CAST(NULL AS DECIMAL(18, 2)) AS contact_cost_amount
    FROM campaigns
    UNION ALL
    SELECT
        campaign_id,
        CAST(NULL AS DECIMAL(18, 2)) AS fixed_cost_amount,
        cost_amount AS contact_cost_amount
    FROM contact
    WHERE campaign_id IS NOT NULL
)

SELECT
    campaign_id,
    CAST(SUM(fixed_cost_amount) AS DECIMAL(38, 2)) AS fixed_cost_amount,
    CAST(SUM(contact_cost_amount) AS DECIMAL(38, 2)) AS contact_cost_amount,
    CAST(COALESCE(SUM(fixed_cost_amount), 0) + COALESCE(SUM(contact_cost_amount), 0) AS DECIMAL(38, 2)) AS cost_amount
FROM cost
GROUP BY campaign_id
HAVING COUNT(fixed_cost_amount) + COUNT(contact_cost_amount) > 0

-- Whose purchases a plan is made of: comparable customers or the candidates; of many, those of a fixed random part.
-- Grain: campaign and customer.
WITH found AS (
    SELECT
        campaign_number,
        customer_id,
        TRUE AS is_comparable
    FROM list_planned_comparable
    UNION ALL
    SELECT
        campaign_number,
        customer_id,
        FALSE AS is_comparable
    FROM list_planned_candidate
)

SELECT
    found.campaign_number,
    found.customer_id
FROM found
INNER JOIN list_planned_part AS part
    ON found.campaign_number = part.campaign_number AND found.is_comparable = part.is_comparable
WHERE part.hash_below IS NULL OR SUBSTR(SHA256(CONCAT_WS(':', 'plan', found.customer_id)), 1, 12) < part.hash_below

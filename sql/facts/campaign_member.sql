-- Who was assigned to a campaign by the extracts, and in which arm: treated without a word of it; control however it is
-- written.
-- Grain: campaign and customer of the extract.
WITH spelled AS (  -- by its own letters, as engines make lower case differently
    SELECT
        campaign_members.*,
        TRANSLATE(TRIM(arm), 'ACDEGHLNOPRTU_-', 'acdeghlnoprtu  ') AS lower_arm
    FROM campaign_members
)

SELECT
    campaign_id,
    customer_id,
    CASE
        WHEN lower_arm IS NULL OR lower_arm = 'treated' THEN 'treated'
        WHEN lower_arm IN ('control', 'control group', 'ctrl', 'hold out', 'holdout') THEN 'control'
        ELSE TRIM(arm)
    END AS arm,
    channel,
    assigned_at,
    assigned_date,
    landing_date
FROM spelled

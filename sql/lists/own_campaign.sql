-- Own campaigns as the campaign file has them tonight (incoming), and those that are gone from it as they last were.
-- The metric that the verdict goes by stands as it was once somebody was assigned.
-- Grain: campaign.
WITH begun AS (
    SELECT
        known.campaign_id,
        known.primary_metric
    FROM history.own_campaign AS known
    SEMI JOIN history.campaign_assignment AS assigned
        ON known.campaign_id = assigned.campaign_id AND assigned.source = 'export'
)

SELECT
    incoming.campaign_id,
    incoming.name,
    incoming.starts_on,
    incoming.ends_on,
    incoming.window_days,
    incoming.control_share,
    CASE WHEN begun.campaign_id IS NULL THEN incoming.primary_metric ELSE begun.primary_metric END AS primary_metric
FROM incoming
LEFT JOIN begun ON incoming.campaign_id = begun.campaign_id
UNION ALL
SELECT
    known.campaign_id,
    known.name,
    known.starts_on,
    known.ends_on,
    known.window_days,
    known.control_share,
    known.primary_metric
FROM history.own_campaign AS known
ANTI JOIN incoming ON known.campaign_id = incoming.campaign_id
ORDER BY campaign_id

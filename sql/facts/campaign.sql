-- Marketing campaigns of the extract as of tonight, to be joined by campaign_id.
-- Grain: campaign.
SELECT
    campaign_id,
    name,
    channel,
    starts_on,
    ends_on,
    window_days,
    cost_amount,
    control_share
FROM campaigns

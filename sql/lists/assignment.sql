-- Everybody who was ever assigned to a campaign, up to tonight: what is stored as campaign_assignment.
-- Grain: campaign and person.
SELECT
    campaign_id,
    customer_id,
    channel,
    arm,
    assigned_at,
    assigned_date,
    window_days,
    source
FROM list_earlier_assignment
UNION ALL
SELECT
    campaign_id,
    customer_id,
    channel,
    arm,
    assigned_at,
    assigned_date,
    window_days,
    source
FROM list_new_assignment

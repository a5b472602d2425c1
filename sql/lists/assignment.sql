-- Everybody who was ever assigned to a campaign, up to tonight: what is stored as campaign_assignment. A campaign that
-- is held back assigns nobody.
-- Grain: campaign and person.
SELECT
    campaign_id,
    customer_id,
    channel,
    arm,
    assigned_at,
    assigned_date,
    window_days,
    control_share,
    source
FROM list_earlier_assignment
UNION ALL
SELECT
    entered.campaign_id,
    entered.customer_id,
    entered.channel,
    entered.arm,
    entered.assigned_at,
    entered.assigned_date,
    entered.window_days,
    entered.control_share,
    entered.source
FROM list_new_assignment AS entered
LEFT JOIN list_held AS held ON entered.campaign_id = held.campaign_id
WHERE held.campaign_id IS NULL

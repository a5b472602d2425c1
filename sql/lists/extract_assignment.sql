-- Assignments that extracts bring: treated unless they say otherwise, from the campaign's start if they give no day.
-- Grain: campaign and customer of the extract.
SELECT
    member.campaign_id,
    member.customer_id,
    member.channel,
    member.arm,
    COALESCE(member.assigned_at, day_start.starts_at) AS assigned_at,
    COALESCE(member.assigned_date, campaign.starts_on, member.landing_date) AS assigned_date,
    campaign.window_days,
    campaign.control_share,
    'extract' AS source
FROM campaign_member AS member
LEFT JOIN campaigns AS campaign ON member.campaign_id = campaign.campaign_id
LEFT JOIN list_day_start AS day_start ON COALESCE(campaign.starts_on, member.landing_date) = day_start.start_date
CROSS JOIN list_setting
WHERE COALESCE(member.assigned_date, campaign.starts_on, member.landing_date) <= list_setting.run_date

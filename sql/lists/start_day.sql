-- Days at whose start an extract's members count as assigned, where the extract gives no time.
-- Grain: day.
SELECT COALESCE(campaign.starts_on, member.landing_date) AS start_date
FROM campaign_member AS member
LEFT JOIN campaigns AS campaign ON member.campaign_id = campaign.campaign_id
WHERE member.assigned_at IS NULL
GROUP BY COALESCE(campaign.starts_on, member.landing_date)

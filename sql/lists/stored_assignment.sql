-- Assignments that the last night stored, as far as they had begun tonight.
-- Grain: campaign and customer, as it was then.
SELECT
    recorded.campaign_id,
    recorded.customer_id,
    recorded.channel,
    recorded.arm,
    recorded.assigned_at,
    recorded.assigned_date,
    recorded.window_days,
    recorded.source
FROM history.campaign_assignment AS recorded
CROSS JOIN list_setting
WHERE recorded.assigned_date <= list_setting.run_date

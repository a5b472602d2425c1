-- Assignments that the last night stored, as far as they had begun tonight and their list was sent (before a campaign's
-- first delivery there were none to send); and those of the last delivery, which a person may have released since.
-- Grain: campaign and customer, as it was then.
WITH first_delivery AS (
    SELECT
        campaign_id,
        MIN(list_date) AS list_date
    FROM history.campaign_delivery
    GROUP BY campaign_id
),

recorded AS (
    SELECT
        stored.campaign_id,
        stored.customer_id,
        stored.channel,
        stored.arm,
        stored.assigned_at,
        stored.assigned_date,
        stored.window_days,
        stored.source
    FROM history.campaign_assignment AS stored
    CROSS JOIN list_setting
    LEFT JOIN list_last_sent AS last_sent ON stored.campaign_id = last_sent.campaign_id
    LEFT JOIN first_delivery ON stored.campaign_id = first_delivery.campaign_id
    WHERE
        stored.assigned_date <= list_setting.run_date
        AND (
            stored.source <> 'export'
            OR stored.assigned_date <= last_sent.sent_date
            OR COALESCE(stored.assigned_date < first_delivery.list_date, TRUE)
        )
)

SELECT *
FROM recorded
UNION ALL
SELECT delivered.*
FROM list_delivered_assignment AS delivered
LEFT JOIN recorded ON delivered.campaign_id = recorded.campaign_id AND delivered.customer_id = recorded.customer_id
WHERE recorded.customer_id IS NULL

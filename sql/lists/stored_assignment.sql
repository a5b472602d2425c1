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
        assigned.campaign_id,
        assigned.customer_id,
        assigned.channel,
        assigned.arm,
        assigned.assigned_at,
        assigned.assigned_date,
        assigned.window_days,
        assigned.source
    FROM history.campaign_assignment AS assigned
    CROSS JOIN list_setting
    LEFT JOIN list_last_sent AS last_sent ON assigned.campaign_id = last_sent.campaign_id
    LEFT JOIN first_delivery ON assigned.campaign_id = first_delivery.campaign_id
    WHERE
        assigned.assigned_date <= list_setting.run_date
        AND (
            assigned.source <> 'export'
            OR assigned.assigned_date <= last_sent.sent_date
            OR COALESCE(assigned.assigned_date < first_delivery.list_date, TRUE)
        )
)

SELECT
    campaign_id,
    customer_id,
    channel,
    arm,
    assigned_at,
    assigned_date,
    window_days,
    source
FROM recorded
UNION ALL
SELECT
    delivered.campaign_id,
    delivered.customer_id,
    delivered.channel,
    delivered.arm,
    delivered.assigned_at,
    delivered.assigned_date,
    delivered.window_days,
    delivered.source
FROM list_delivered_assignment AS delivered
LEFT JOIN recorded ON delivered.campaign_id = recorded.campaign_id AND delivered.customer_id = recorded.customer_id
WHERE recorded.customer_id IS NULL

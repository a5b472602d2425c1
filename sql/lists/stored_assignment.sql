-- Assignments of the last delivery, which a person may have released since the last night; and those that the last
-- night stored, as far as they had begun tonight and their list was sent (before a campaign's first delivery there was
-- none). Grain: campaign and customer, as it was then.
WITH first_delivery AS (
    SELECT
        campaign_id,
        MIN(list_date) AS list_date
    FROM history.campaign_delivery
    GROUP BY campaign_id
),

recorded AS (
    SELECT
        known.campaign_id,
        known.customer_id,
        known.channel,
        known.arm,
        known.assigned_at,
        known.assigned_date,
        known.window_days,
        known.control_share,
        known.source
    FROM history.campaign_assignment AS known
    CROSS JOIN list_setting
    LEFT JOIN list_last_sent AS last_sent ON known.campaign_id = last_sent.campaign_id
    LEFT JOIN first_delivery ON known.campaign_id = first_delivery.campaign_id
    WHERE
        known.assigned_date <= list_setting.run_date
        AND (
            known.source <> 'export'
            OR known.assigned_date <= last_sent.sent_date
            OR COALESCE(known.assigned_date < first_delivery.list_date, TRUE)
        )
)

SELECT
    recorded.campaign_id,
    recorded.customer_id,
    recorded.channel,
    recorded.arm,
    recorded.assigned_at,
    recorded.assigned_date,
    recorded.window_days,
    recorded.control_share,
    recorded.source
FROM recorded
ANTI JOIN list_delivered_assignment AS delivered
    ON recorded.campaign_id = delivered.campaign_id AND recorded.customer_id = delivered.customer_id
UNION ALL
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
FROM list_delivered_assignment

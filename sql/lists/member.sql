-- Who belongs to the segments of a campaign that runs tonight; arm is of those who were assigned before.
-- Grain: campaign and customer. Only a campaign of several segments may find a customer twice.
WITH found AS (
    SELECT
        list_segment.campaign_number,
        in_segment.customer_id
    FROM list_segment
    INNER JOIN customer_segment AS in_segment ON list_segment.segment = in_segment.segment
    WHERE list_segment.is_only
    UNION ALL
    SELECT DISTINCT
        list_segment.campaign_number,
        in_segment.customer_id
    FROM list_segment
    INNER JOIN customer_segment AS in_segment ON list_segment.segment = in_segment.segment
    WHERE NOT list_segment.is_only
),

running AS (
    SELECT DISTINCT
        campaign_number,
        campaign_id
    FROM list_channel
),

assigned_before AS (
    SELECT
        running.campaign_number,
        earlier.customer_id,
        earlier.arm
    FROM list_earlier_assignment AS earlier
    INNER JOIN running ON earlier.campaign_id = running.campaign_id
)

SELECT
    found.campaign_number,
    found.customer_id,
    assigned_before.arm,
    COALESCE(customer.is_deleted, FALSE) AS is_deleted,
    excluded.customer_id IS NOT NULL AS is_excluded,
    CASE
        WHEN list_setting.global_control_below = '' THEN FALSE
        ELSE
            SUBSTR(
                SHA256(CONCAT_WS(':', list_setting.salt, 'programme', list_setting.drawn_in, found.customer_id)), 1, 12
            ) < list_setting.global_control_below
    END AS is_global_control,
    customer.email_consent,
    customer.sms_consent,
    customer.push_consent,
    customer.messenger_consent,
    customer.call_consent,
    customer.ads_consent,
    customer.unsubscribed_channels
FROM found
CROSS JOIN list_setting
LEFT JOIN customer ON found.customer_id = customer.customer_id
LEFT JOIN list_excluded AS excluded
    ON found.campaign_number = excluded.campaign_number AND found.customer_id = excluded.customer_id
LEFT JOIN assigned_before
    ON found.campaign_number = assigned_before.campaign_number AND found.customer_id = assigned_before.customer_id

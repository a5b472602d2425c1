-- The members of each list's campaign, with the channel's addresses; arm as before, else drawn here, once and for all;
-- reason if they may not or can't be written to, whatever else happens tonight. Grain: list (campaign and channel) and
-- customer.
WITH addressed AS (
    SELECT
        channel.list_number,
        channel.campaign_id,
        channel.channel,
        channel.control_below,
        member.customer_id,
        member.arm,
        member.is_deleted,
        member.is_excluded,
        member.is_global_control,
        suppressed.customer_id IS NOT NULL AS is_suppressed,
        COALESCE(CONTAINS(member.unsubscribed_channels, channel.channel), FALSE) AS is_unsubscribed,
        COALESCE(CASE channel.channel
            WHEN 'email' THEN member.email_consent
            WHEN 'sms' THEN member.sms_consent
            WHEN 'push' THEN member.push_consent
            WHEN 'messenger' THEN member.messenger_consent
            WHEN 'call' THEN member.call_consent
            WHEN 'ads' THEN member.ads_consent
        END, FALSE) AS has_consent,
        CASE WHEN channel.channel IN ('email', 'ads') THEN personal.email_normal END AS email,
        CASE WHEN channel.channel IN ('sms', 'call', 'ads') THEN personal.phone_normal END AS phone,
        CASE WHEN channel.channel = 'push' THEN personal.push_token END AS push_token,
        CASE WHEN channel.channel = 'messenger' THEN personal.messenger_id END AS messenger_id,
        channel.channel IN ('email', 'ads')
        AND personal.email IS NOT NULL AND personal.email_normal IS NULL AS is_bad_email,
        channel.channel IN ('sms', 'call', 'ads')
        AND personal.phone IS NOT NULL AND personal.phone_normal IS NULL AS is_bad_phone
    FROM list_member AS member
    INNER JOIN list_channel AS channel ON member.campaign_number = channel.campaign_number
    LEFT JOIN crm_customers_personal AS personal ON member.customer_id = personal.customer_id
    LEFT JOIN suppressed_channel AS suppressed
        ON member.customer_id = suppressed.customer_id AND channel.channel = suppressed.channel
)

SELECT
    addressed.list_number,
    addressed.customer_id,
    addressed.email,
    addressed.phone,
    addressed.push_token,
    addressed.messenger_id,
    addressed.is_bad_email,
    addressed.is_bad_phone,
    addressed.is_global_control,
    addressed.arm IS NULL AS is_new,
    CASE
        WHEN addressed.arm IS NOT NULL THEN addressed.arm
        WHEN
            SUBSTR(SHA256(CONCAT_WS(':', list_setting.salt, addressed.campaign_id, addressed.customer_id)), 1, 12)
            < addressed.control_below
            THEN 'control'
        ELSE 'treated'
    END AS arm,
    CASE
        WHEN addressed.is_deleted THEN 'deleted'
        WHEN addressed.is_suppressed THEN 'suppressed'
        WHEN addressed.is_excluded THEN 'excluded_segment'
        WHEN addressed.is_unsubscribed THEN 'unsubscribed'
        WHEN NOT addressed.has_consent THEN 'no_consent'
        WHEN COALESCE(addressed.email, addressed.phone, addressed.push_token, addressed.messenger_id) IS NOT NULL
            THEN NULL
        WHEN addressed.is_bad_email OR addressed.is_bad_phone THEN 'bad_address'
        ELSE 'no_address'
    END AS reason
FROM addressed
CROSS JOIN list_setting

-- Who may be written to: not deleted, in no segment that is left out, with the channel's consent; arm as before, else
-- drawn here, once and for all; reason if no address of the channel can be used. Grain: list (campaign and channel) and
-- customer.
WITH addressed AS (
    SELECT
        channel.list_number,
        channel.campaign_id,
        channel.control_below,
        member.customer_id,
        member.arm,
        personal.name,
        personal.first_name,
        personal.last_name,
        personal.middle_name,
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
    WHERE
        NOT member.is_deleted
        AND NOT member.is_excluded
        AND COALESCE(CASE channel.channel
            WHEN 'email' THEN member.email_consent
            WHEN 'sms' THEN member.sms_consent
            WHEN 'push' THEN member.push_consent
            WHEN 'messenger' THEN member.messenger_consent
            WHEN 'call' THEN member.call_consent
            WHEN 'ads' THEN member.ads_consent
        END, FALSE)
)

SELECT
    addressed.list_number,
    addressed.customer_id,
    addressed.name,
    addressed.first_name,
    addressed.last_name,
    addressed.middle_name,
    addressed.email,
    addressed.phone,
    addressed.push_token,
    addressed.messenger_id,
    addressed.is_bad_email,
    addressed.is_bad_phone,
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
        WHEN COALESCE(addressed.email, addressed.phone, addressed.push_token, addressed.messenger_id) IS NOT NULL
            THEN NULL
        WHEN addressed.is_bad_email OR addressed.is_bad_phone THEN 'bad_address'
        ELSE 'no_address'
    END AS reason
FROM addressed
CROSS JOIN list_setting

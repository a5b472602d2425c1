-- The audiences of campaigns that are held back, as their tools were sent them, and who of them may no longer be
-- written to: erased or deleted, suppressed, unsubscribed or without consent. They leave all the same.
-- Grain: campaign, channel, target and customer who was on the list.
SELECT
    sent.campaign_id,
    sent.channel,
    sent.target,
    sent.customer_id,
    sent.email,
    sent.phone,
    sent.push_token,
    sent.messenger_id,
    CAST(NULL AS VARCHAR) AS first_name,
    CAST(NULL AS VARCHAR) AS last_name,
    CAST(NULL AS VARCHAR) AS middle_name,
    COALESCE(customer.is_deleted, TRUE)
    OR suppressed.customer_id IS NOT NULL
    OR NOT COALESCE(CASE sent.channel
        WHEN 'email' THEN customer.email_consent
        WHEN 'sms' THEN customer.sms_consent
        WHEN 'push' THEN customer.push_consent
        WHEN 'messenger' THEN customer.messenger_consent
        WHEN 'call' THEN customer.call_consent
        WHEN 'ads' THEN customer.ads_consent
    END, FALSE) AS must_leave
FROM list_sent AS sent
INNER JOIN list_held AS held ON sent.campaign_id = held.campaign_id
LEFT JOIN list_merged_account AS merged_account ON sent.customer_id = merged_account.account_id
LEFT JOIN customer ON COALESCE(merged_account.person_id, sent.customer_id) = customer.customer_id
LEFT JOIN suppressed_channel AS suppressed
    ON customer.customer_id = suppressed.customer_id AND sent.channel = suppressed.channel
WHERE sent.mode = 'audience'

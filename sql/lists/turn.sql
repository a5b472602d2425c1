-- Who was written to by a sending, or would have been as control: as the person that they are now, at which address.
-- Grain: campaign, channel, target, customer as sent and night.
SELECT
    sent.campaign_id,
    sent.channel,
    sent.sent_date,
    sent.arm,
    COALESCE(merged_account.person_id, sent.customer_id) AS customer_id,
    COALESCE(sent.email, sent.phone, sent.push_token, sent.messenger_id) AS address
FROM list_sent AS sent
LEFT JOIN list_merged_account AS merged_account ON sent.customer_id = merged_account.account_id
WHERE sent.mode = 'send'

-- What is to leave the tools of the campaigns that the file has: whom an audience held, as their tool was sent them,
-- and that tonight's list does not hold, or with another address. Where customer_id is NULL, the customer stays, and an
-- old address goes.
-- Grain: campaign, channel, target and customer who was on the list.
SELECT
    sent.campaign_id,
    sent.channel,
    sent.target,
    CASE WHEN entry.customer_id IS NULL THEN sent.customer_id END AS customer_id,
    sent.email,
    sent.phone,
    sent.push_token,
    sent.messenger_id,
    CAST(NULL AS VARCHAR) AS first_name,
    CAST(NULL AS VARCHAR) AS last_name,
    CAST(NULL AS VARCHAR) AS middle_name
FROM list_sent AS sent
LEFT JOIN list_channel AS channel
    ON
        sent.campaign_id = channel.campaign_id
        AND sent.channel = channel.channel
        AND sent.target = channel.target
        AND NOT channel.is_sending
LEFT JOIN list_entry AS entry ON channel.list_number = entry.list_number AND sent.customer_id = entry.customer_id
LEFT JOIN list_fault AS fault ON sent.campaign_id = fault.campaign_id
WHERE
    sent.mode = 'audience'
    AND fault.campaign_id IS NULL
    AND NOT (
        entry.customer_id IS NOT NULL
        AND COALESCE(sent.email = entry.email, sent.email IS NULL)
        AND COALESCE(sent.phone = entry.phone, sent.phone IS NULL)
        AND COALESCE(sent.push_token = entry.push_token, sent.push_token IS NULL)
        AND COALESCE(sent.messenger_id = entry.messenger_id, sent.messenger_id IS NULL)
    )

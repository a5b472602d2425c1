-- Who is on a list that leaves tonight, or was on one that an earlier run of the night sent: stored as campaign_list.
-- Grain: campaign, channel and customer.
SELECT
    entry.campaign_id,
    entry.channel,
    entry.target,
    entry.customer_id
FROM list_entry AS entry
LEFT JOIN list_held AS held ON entry.campaign_id = held.campaign_id
WHERE held.campaign_id IS NULL
UNION
SELECT
    sent.campaign_id,
    sent.channel,
    sent.target,
    COALESCE(merged_account.person_id, sent.customer_id) AS customer_id
FROM list_sent AS sent
INNER JOIN list_setting ON sent.sent_date = list_setting.run_date
LEFT JOIN list_merged_account AS merged_account ON sent.customer_id = merged_account.account_id
WHERE sent.mode = 'send' AND sent.arm <> 'control'

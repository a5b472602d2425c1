-- Who was on the last stored lists of campaigns that are held back, as the person that they are now.
-- Grain: list and customer.
SELECT DISTINCT
    channel.list_number,
    channel.campaign_number,
    COALESCE(merged_account.person_id, listed.customer_id) AS customer_id
FROM history.campaign_list AS listed
INNER JOIN list_channel AS channel
    ON
        listed.campaign_id = channel.campaign_id
        AND listed.channel = channel.channel
        AND listed.target = channel.target
SEMI JOIN list_held AS held ON channel.list_number = held.list_number
LEFT JOIN list_merged_account AS merged_account ON listed.customer_id = merged_account.account_id

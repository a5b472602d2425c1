-- Who of a campaign's segments is on no list tonight, and the one reason why: stored as campaign_exclusion.
-- Grain: campaign, channel and customer.
SELECT
    channel.campaign_id,
    channel.channel,
    decision.customer_id,
    COALESCE(decision.reason, 'held') AS reason,
    decision.decided_by
FROM list_decision AS decision
INNER JOIN list_channel AS channel ON decision.list_number = channel.list_number
LEFT JOIN list_held AS held ON channel.campaign_id = held.campaign_id
LEFT JOIN list_listed AS listed
    ON
        channel.campaign_id = listed.campaign_id
        AND channel.channel = listed.channel
        AND decision.customer_id = listed.customer_id
WHERE (decision.reason IS NOT NULL OR held.campaign_id IS NOT NULL) AND listed.customer_id IS NULL

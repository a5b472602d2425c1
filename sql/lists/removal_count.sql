-- How many removals each tool gets.
-- Grain: campaign, channel and target with any.
SELECT
    campaign_id,
    channel,
    target,
    COUNT(*) AS customer_count
FROM list_removal
GROUP BY campaign_id, channel, target

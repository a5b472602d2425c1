-- Whom the tools know once tonight's lists are sent: the rows of each audience; of a sending everybody whose turn it
-- ever was, with their last night and those that the cap may still count.
-- Grain: campaign, channel, target, mode, customer and night of a sending.
WITH turns AS (
    SELECT
        *,
        RANK() OVER (PARTITION BY campaign_id, channel, target, customer_id ORDER BY sent_date DESC) AS place
    FROM list_sent
    WHERE mode = 'send'
)

SELECT
    turns.campaign_id,
    turns.channel,
    turns.target,
    turns.mode,
    turns.customer_id,
    turns.arm,
    turns.sent_date,
    turns.email,
    turns.phone,
    turns.push_token,
    turns.messenger_id
FROM turns
CROSS JOIN list_setting
WHERE turns.place = 1 OR turns.sent_date >= list_setting.kept_from
UNION ALL
SELECT
    channel.campaign_id,
    channel.channel,
    channel.target,
    CASE WHEN channel.is_sending THEN 'send' ELSE 'audience' END AS mode,
    decision.customer_id,
    decision.arm,
    CASE WHEN channel.is_sending THEN list_setting.run_date END AS sent_date,
    CASE WHEN decision.arm <> 'control' THEN decision.email END AS email,
    CASE WHEN decision.arm <> 'control' THEN decision.phone END AS phone,
    CASE WHEN decision.arm <> 'control' THEN decision.push_token END AS push_token,
    CASE WHEN decision.arm <> 'control' THEN decision.messenger_id END AS messenger_id
FROM list_decision AS decision
INNER JOIN list_channel AS channel ON decision.list_number = channel.list_number
CROSS JOIN list_setting
WHERE decision.is_turn AND (channel.is_sending OR decision.arm <> 'control')

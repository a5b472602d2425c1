-- Who enters a campaign tonight, in either arm; the channel is that of the first list that they are on.
-- Grain: campaign and customer.
WITH entered AS (
    SELECT
        channel.campaign_number,
        decision.customer_id,
        decision.arm,
        MIN(decision.list_number) AS list_number
    FROM list_decision AS decision
    INNER JOIN list_channel AS channel ON decision.list_number = channel.list_number
    WHERE decision.is_new AND decision.is_turn
    GROUP BY channel.campaign_number, decision.customer_id, decision.arm
)

SELECT
    channel.campaign_id,
    entered.customer_id,
    channel.channel,
    entered.arm,
    list_setting.assigned_at,
    list_setting.run_date AS assigned_date,
    channel.window_days,
    channel.control_share,
    'export' AS source
FROM entered
INNER JOIN list_channel AS channel ON entered.list_number = channel.list_number
CROSS JOIN list_setting

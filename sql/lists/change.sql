-- How a list's eligible customers differ from those of the delivery that was sent last.
-- Grain: list (campaign and channel) that somebody is eligible for, tonight or then.
WITH earlier AS (
    SELECT DISTINCT
        eligible.campaign_id,
        eligible.channel,
        COALESCE(merged_account.person_id, eligible.customer_id) AS customer_id
    FROM list_eligible_before AS eligible
    LEFT JOIN list_merged_account AS merged_account ON eligible.customer_id = merged_account.account_id
),

tonight AS (
    SELECT
        channel.campaign_id,
        channel.channel,
        decision.customer_id
    FROM list_decision AS decision
    INNER JOIN list_channel AS channel ON decision.list_number = channel.list_number
    WHERE decision.is_eligible
)

SELECT
    channel.campaign_id,
    channel.channel,
    COUNT(earlier.customer_id) AS before_count,
    COUNT(tonight.customer_id) AS eligible_count,
    COUNT(CASE WHEN earlier.customer_id IS NULL THEN tonight.customer_id END) AS entered_count,
    COUNT(CASE WHEN tonight.customer_id IS NULL THEN earlier.customer_id END) AS left_count
FROM earlier
FULL OUTER JOIN tonight
    ON
        earlier.campaign_id = tonight.campaign_id
        AND earlier.channel = tonight.channel
        AND earlier.customer_id = tonight.customer_id
INNER JOIN list_channel AS channel
    ON
        COALESCE(tonight.campaign_id, earlier.campaign_id) = channel.campaign_id
        AND COALESCE(tonight.channel, earlier.channel) = channel.channel
GROUP BY channel.campaign_id, channel.channel

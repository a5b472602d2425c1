-- How many of a list's candidates are not on it, by reason, also where nobody is.
-- Grain: list and reason; reason_number is its place in the order of decisions.
WITH counted AS (
    SELECT
        list_number,
        reason,
        COUNT(*) AS customer_count
    FROM list_decision
    WHERE reason IS NOT NULL
    GROUP BY list_number, reason
)

SELECT
    channel.campaign_id,
    channel.channel,
    list_reason.reason,
    list_reason.reason_number,
    COALESCE(counted.customer_count, 0) AS customer_count
FROM list_channel AS channel
CROSS JOIN list_reason
LEFT JOIN counted ON channel.list_number = counted.list_number AND list_reason.reason = counted.reason

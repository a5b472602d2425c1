-- How many members who may be written to gave an address that can't be used, also if another of the channel's can.
-- Grain: list and address, where there are any.
WITH bad AS (
    SELECT
        list_number,
        'email' AS address
    FROM list_candidate
    WHERE is_bad_email AND COALESCE(reason = 'bad_address', TRUE)
    UNION ALL
    SELECT
        list_number,
        'phone' AS address
    FROM list_candidate
    WHERE is_bad_phone AND COALESCE(reason = 'bad_address', TRUE)
)

SELECT
    channel.campaign_id,
    channel.channel,
    bad.address,
    COUNT(*) AS customer_count
FROM bad
INNER JOIN list_channel AS channel ON bad.list_number = channel.list_number
GROUP BY channel.campaign_id, channel.channel, bad.address

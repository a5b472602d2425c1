-- Who is on a file tonight, with the channel's addresses; a name's first and last word.
-- Grain: list and customer.
WITH named AS (
    SELECT
        *,
        TRIM(REGEXP_REPLACE(name, '\s+', ' ', 'g')) AS full_name
    FROM list_decision
    WHERE reason IS NULL AND arm = 'treated'
)

SELECT
    named.list_number,
    channel.campaign_id,
    channel.channel,
    channel.target,
    named.customer_id,
    named.email,
    named.phone,
    named.push_token,
    named.messenger_id,
    NULLIF(SPLIT_PART(named.full_name, ' ', 1), '') AS first_name,
    CASE WHEN CONTAINS(named.full_name, ' ') THEN SPLIT_PART(named.full_name, ' ', -1) END AS last_name
FROM named
INNER JOIN list_channel AS channel ON named.list_number = channel.list_number

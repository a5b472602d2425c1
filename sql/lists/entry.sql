-- Who is on a list tonight, with the channel's addresses; a name's first and last word. A campaign that is held back
-- keeps those of its last lists whom it may still write to.
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
LEFT JOIN list_held AS held ON named.list_number = held.list_number
LEFT JOIN list_held_listed AS held_listed
    ON named.list_number = held_listed.list_number AND named.customer_id = held_listed.customer_id
WHERE held.list_number IS NULL OR held_listed.customer_id IS NOT NULL

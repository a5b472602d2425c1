-- Who can be written to on a list, at an address that is no other customer's.
-- Grain: list and customer.
SELECT
    candidate.list_number,
    channel.campaign_number,
    channel.campaign_id,
    channel.channel,
    channel.is_sending,
    candidate.customer_id,
    candidate.is_global_control,
    COALESCE(candidate.email, candidate.phone, candidate.push_token, candidate.messenger_id) AS address
FROM list_candidate AS candidate
INNER JOIN list_channel AS channel ON candidate.list_number = channel.list_number
LEFT JOIN list_same_address AS same_address
    ON candidate.list_number = same_address.list_number AND candidate.customer_id = same_address.customer_id
WHERE candidate.reason IS NULL AND same_address.customer_id IS NULL

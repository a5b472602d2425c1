-- What is to leave the tools: departures, without addresses that tonight's list holds for another customer.
-- Grain: campaign, channel, target and customer who was on the list.
WITH held_email AS (
    SELECT DISTINCT
        departure.list_number,
        departure.email
    FROM list_departure AS departure
    SEMI JOIN list_entry AS entry ON departure.list_number = entry.list_number AND departure.email = entry.email
),

held_phone AS (
    SELECT DISTINCT
        departure.list_number,
        departure.phone
    FROM list_departure AS departure
    SEMI JOIN list_entry AS entry ON departure.list_number = entry.list_number AND departure.phone = entry.phone
),

held_token AS (
    SELECT DISTINCT
        departure.list_number,
        departure.push_token
    FROM list_departure AS departure
    SEMI JOIN list_entry AS entry
        ON departure.list_number = entry.list_number AND departure.push_token = entry.push_token
),

held_messenger AS (
    SELECT DISTINCT
        departure.list_number,
        departure.messenger_id
    FROM list_departure AS departure
    SEMI JOIN list_entry AS entry
        ON departure.list_number = entry.list_number AND departure.messenger_id = entry.messenger_id
),

removed AS (
    SELECT
        departure.campaign_id,
        departure.channel,
        departure.target,
        departure.customer_id,
        CASE WHEN held_email.email IS NULL THEN departure.email END AS email,
        CASE WHEN held_phone.phone IS NULL THEN departure.phone END AS phone,
        CASE WHEN held_token.push_token IS NULL THEN departure.push_token END AS push_token,
        CASE WHEN held_messenger.messenger_id IS NULL THEN departure.messenger_id END AS messenger_id
    FROM list_departure AS departure
    LEFT JOIN held_email
        ON departure.list_number = held_email.list_number AND departure.email = held_email.email
    LEFT JOIN held_phone
        ON departure.list_number = held_phone.list_number AND departure.phone = held_phone.phone
    LEFT JOIN held_token
        ON departure.list_number = held_token.list_number AND departure.push_token = held_token.push_token
    LEFT JOIN held_messenger
        ON departure.list_number = held_messenger.list_number AND departure.messenger_id = held_messenger.messenger_id
)

SELECT
    campaign_id,
    channel,
    target,
    customer_id,
    email,
    phone,
    push_token,
    messenger_id,
    CAST(NULL AS VARCHAR) AS first_name,
    CAST(NULL AS VARCHAR) AS last_name,
    CAST(NULL AS VARCHAR) AS middle_name
FROM removed
WHERE COALESCE(customer_id, email, phone, push_token, messenger_id) IS NOT NULL

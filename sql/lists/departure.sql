-- Who was on the last stored list and is not on tonight's of the same target, and old addresses of who still is (there
-- customer_id is NULL: the customer stays). Few leave or change. Grain: campaign, channel, target and customer.
WITH compared AS (
    SELECT
        channel.list_number,
        listed.campaign_id,
        listed.channel,
        listed.target,
        CASE WHEN entry.customer_id IS NULL THEN listed.customer_id END AS customer_id,
        CASE
            WHEN
                listed.channel IN ('email', 'ads')
                AND (entry.email IS NULL OR personal.email_normal <> entry.email)
                THEN personal.email_normal
        END AS email,
        CASE
            WHEN
                listed.channel IN ('sms', 'call', 'ads')
                AND (entry.phone IS NULL OR personal.phone_normal <> entry.phone)
                THEN personal.phone_normal
        END AS phone,
        CASE
            WHEN
                listed.channel = 'push'
                AND (entry.push_token IS NULL OR personal.push_token <> entry.push_token)
                THEN personal.push_token
        END AS push_token,
        CASE
            WHEN
                listed.channel = 'messenger'
                AND (entry.messenger_id IS NULL OR personal.messenger_id <> entry.messenger_id)
                THEN personal.messenger_id
        END AS messenger_id
    FROM history.campaign_list AS listed
    LEFT JOIN list_channel AS channel
        ON
            listed.campaign_id = channel.campaign_id
            AND listed.channel = channel.channel
            AND listed.target = channel.target
    LEFT JOIN list_entry AS entry
        ON channel.list_number = entry.list_number AND listed.customer_id = entry.customer_id
    LEFT JOIN history.crm_customers_personal AS personal ON listed.customer_id = personal.customer_id
)

SELECT
    list_number,
    campaign_id,
    channel,
    target,
    customer_id,
    email,
    phone,
    push_token,
    messenger_id
FROM compared
WHERE COALESCE(customer_id, email, phone, push_token, messenger_id) IS NOT NULL

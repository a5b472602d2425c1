-- Contacts sent on the channel that last night's customer_channel chose, with the probability of that choice.
-- Grain: contact. It is logged on the day of sending; earlier rows stay as they were logged.
SELECT
    earlier.contact_id,
    earlier.customer_id,
    earlier.channel,
    earlier.sent_date,
    earlier.choice_probability,
    earlier.is_explored
FROM history.channel_log AS earlier
CROSS JOIN night AS n
WHERE DATE_DIFF('day', earlier.sent_date, n.run_date) <= 400
UNION ALL
SELECT
    c.contact_id,
    c.customer_id,
    c.channel,
    c.sent_date,
    chosen.choice_probability,
    chosen.is_explored
FROM contact AS c
INNER JOIN night AS n ON c.sent_date = n.run_date
INNER JOIN history.customer_channel AS chosen
    ON c.customer_id = chosen.customer_id AND c.channel = chosen.chosen_channel
LEFT JOIN history.channel_log AS earlier ON c.contact_id = earlier.contact_id
WHERE earlier.contact_id IS NULL

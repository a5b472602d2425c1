-- To how many customers each list of a planned campaign would go: to each on their first list, where it chooses one.
-- Grain: list.
WITH usable AS (
    SELECT
        list_usable.list_number,
        list_usable.customer_id,
        list_channel.is_choice,
        MIN(list_usable.list_number) OVER (
            PARTITION BY list_usable.campaign_number, list_usable.customer_id, list_channel.is_choice
        ) AS first_number
    FROM list_usable
    INNER JOIN list_channel ON list_usable.list_number = list_channel.list_number
    WHERE NOT list_usable.is_global_control
)

SELECT
    list_channel.list_number,
    list_channel.campaign_number,
    list_channel.channel,
    COUNT(usable.customer_id) AS customer_count
FROM list_channel
LEFT JOIN usable
    ON
        list_channel.list_number = usable.list_number
        AND (NOT usable.is_choice OR usable.list_number = usable.first_number)
GROUP BY list_channel.list_number, list_channel.campaign_number, list_channel.channel

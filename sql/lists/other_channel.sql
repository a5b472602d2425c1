-- Whom their campaign writes to on another of its channels: the first that can be used or, where it says best, the one
-- that customer_channel chose, if it can be used. Grain: list and customer who is left out of it.
WITH ranked AS (
    SELECT
        usable.list_number,
        usable.customer_id,
        RANK() OVER (
            PARTITION BY usable.campaign_number, usable.customer_id
            ORDER BY
                CASE WHEN channel.use_channels = 'best' AND chosen.chosen_channel = usable.channel THEN 0 ELSE 1 END,
                usable.list_number
        ) AS place
    FROM list_usable AS usable
    INNER JOIN list_channel AS channel ON usable.list_number = channel.list_number
    LEFT JOIN customer_channel AS chosen ON usable.customer_id = chosen.customer_id
    WHERE channel.is_choice
)

SELECT
    list_number,
    customer_id
FROM ranked
WHERE place > 1

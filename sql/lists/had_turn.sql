-- Who had their turn in a sending within its window: as the person that they are now or, if written to, by the address.
-- A campaign that uses each of its channels has a turn for each. Grain: list and customer; is_control if nobody was
-- written to.
WITH found AS (
    SELECT
        usable.list_number,
        usable.campaign_number,
        usable.customer_id,
        turn.arm,
        turn.sent_date
    FROM list_usable AS usable
    INNER JOIN list_turn AS turn ON usable.campaign_id = turn.campaign_id AND usable.customer_id = turn.customer_id
    INNER JOIN list_channel AS channel ON usable.list_number = channel.list_number
    WHERE channel.is_sending AND (channel.use_channels <> 'all' OR turn.channel = channel.channel)
    UNION ALL
    SELECT
        usable.list_number,
        usable.campaign_number,
        usable.customer_id,
        turn.arm,
        turn.sent_date
    FROM list_usable AS usable
    INNER JOIN list_turn AS turn ON usable.campaign_id = turn.campaign_id AND usable.address = turn.address
    INNER JOIN list_channel AS channel ON usable.list_number = channel.list_number
    WHERE channel.is_sending AND (channel.use_channels <> 'all' OR turn.channel = channel.channel)
)

SELECT
    found.list_number,
    found.customer_id,
    MAX(found.sent_date) AS sent_date,
    COUNT(CASE WHEN found.arm <> 'control' THEN 1 END) = 0 AS is_control
FROM found
INNER JOIN list_channel AS channel ON found.list_number = channel.list_number
LEFT JOIN list_entered AS entered
    ON found.campaign_number = entered.campaign_number AND found.customer_id = entered.customer_id
WHERE found.sent_date >= COALESCE(channel.blocks_from, entered.entered_date, found.sent_date)
GROUP BY found.list_number, found.customer_id

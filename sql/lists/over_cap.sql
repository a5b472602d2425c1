-- Who is on as many lists of the channel tonight as the cap allows, and so not on this one: lists of campaigns that go
-- first (a lower list_number) have them. Few are on too many, so only those are put in order. A list that is held back
-- writes to nobody and takes no slot. Grain: list and customer.
WITH wanted AS (
    SELECT
        channel.channel,
        candidate.customer_id,
        candidate.list_number
    FROM list_candidate AS candidate
    INNER JOIN list_channel AS channel ON candidate.list_number = channel.list_number
    ANTI JOIN list_same_address AS left_out
        ON candidate.list_number = left_out.list_number AND candidate.customer_id = left_out.customer_id
    ANTI JOIN list_held AS held ON candidate.list_number = held.list_number
    WHERE candidate.reason IS NULL
),

crowded AS (
    SELECT
        wanted.channel,
        wanted.customer_id
    FROM wanted
    CROSS JOIN list_setting
    GROUP BY wanted.channel, wanted.customer_id, list_setting.cap
    HAVING COUNT(*) > list_setting.cap
),

ordered AS (
    SELECT
        wanted.list_number,
        wanted.customer_id,
        RANK() OVER (PARTITION BY wanted.channel, wanted.customer_id ORDER BY wanted.list_number) AS list_rank
    FROM wanted
    SEMI JOIN crowded ON wanted.channel = crowded.channel AND wanted.customer_id = crowded.customer_id
)

SELECT
    ordered.list_number,
    ordered.customer_id
FROM ordered
CROSS JOIN list_setting
WHERE ordered.list_rank > list_setting.cap

-- Whose free contacts of the cap other campaigns take tonight: those that an earlier run of the night sent, then those
-- that go first (a lower list_number). Few are wanted by too many, so only those are put in order.
-- Grain: list and customer; decided_by is the campaign that took the last free contact.
WITH wanted AS (
    SELECT
        usable.list_number,
        usable.campaign_id,
        usable.customer_id,
        CASE WHEN had_turn.customer_id IS NULL THEN 1 ELSE 0 END AS place,
        list_setting.cap_contacts - COALESCE(contacted.contacts, 0) AS free
    FROM list_usable AS usable
    INNER JOIN list_setting ON list_setting.cap_contacts IS NOT NULL
    LEFT JOIN list_contacted AS contacted ON usable.customer_id = contacted.customer_id
    LEFT JOIN list_other_channel AS other_channel
        ON usable.list_number = other_channel.list_number AND usable.customer_id = other_channel.customer_id
    LEFT JOIN list_had_turn AS had_turn
        ON usable.list_number = had_turn.list_number AND usable.customer_id = had_turn.customer_id
    WHERE
        usable.is_sending
        AND NOT usable.is_global_control
        AND other_channel.customer_id IS NULL
        AND (had_turn.customer_id IS NULL OR had_turn.sent_date = list_setting.run_date)
        AND list_setting.cap_contacts > COALESCE(contacted.contacts, 0)
),

crowded AS (
    SELECT customer_id
    FROM wanted
    GROUP BY customer_id, free
    HAVING COUNT(*) > free
),

ordered AS (
    SELECT
        wanted.*,
        RANK() OVER (PARTITION BY wanted.customer_id ORDER BY wanted.place, wanted.list_number) AS list_rank
    FROM wanted
    INNER JOIN crowded ON wanted.customer_id = crowded.customer_id
)

SELECT
    ordered.list_number,
    ordered.customer_id,
    taken.campaign_id AS decided_by
FROM ordered
INNER JOIN ordered AS taken ON ordered.customer_id = taken.customer_id AND ordered.free = taken.list_rank
WHERE ordered.list_rank > ordered.free

-- The last unsubscribe from each channel that contacts tell of, also one that a contact's later row no longer has.
-- Grain: customer and channel. One after its landing night counts as that night's end: then unsubscribed_at is NULL.
WITH sent AS (
    SELECT
        customer_id,
        channel,
        unsubscribed_at,
        unsubscribed_date,
        landing_date
    FROM contacts
    WHERE unsubscribed_at IS NOT NULL
    UNION ALL
    SELECT
        customer_id,
        channel,
        unsubscribed_at,
        unsubscribed_date,
        landing_date
    FROM replaced.contacts
    WHERE unsubscribed_at IS NOT NULL
),

dated AS (
    SELECT
        COALESCE(i.customer_id, s.customer_id) AS customer_id,
        s.channel,
        LEAST(s.unsubscribed_date, s.landing_date) AS unsubscribed_date,
        CASE WHEN s.unsubscribed_date <= s.landing_date THEN s.unsubscribed_at END AS unsubscribed_at
    FROM sent AS s
    LEFT JOIN customer_identity AS i ON s.customer_id = i.source_customer_id
),

ranked AS (
    SELECT
        *,
        RANK() OVER (
            PARTITION BY customer_id, channel
            ORDER BY unsubscribed_date DESC, unsubscribed_at DESC NULLS FIRST
        ) AS place
    FROM dated
)

SELECT DISTINCT
    customer_id,
    channel,
    unsubscribed_date,
    unsubscribed_at
FROM ranked
WHERE place = 1

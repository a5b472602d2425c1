-- Contacts with a person in the cap's days: our sendings (who is control takes a slot, too) and those that extracts
-- report. What is reported of a campaign and channel is our own sending, unless it is more. What an earlier run of the
-- night sent takes a slot of tonight, where its campaign still wants the customer.
-- Grain: customer; decided_by is the campaign of the last contact.
WITH wanted_again AS (
    SELECT DISTINCT
        turn.campaign_id,
        turn.channel,
        turn.customer_id,
        turn.sent_date
    FROM list_had_turn AS had_turn
    INNER JOIN list_setting ON had_turn.sent_date = list_setting.run_date
    INNER JOIN list_channel AS channel ON had_turn.list_number = channel.list_number
    INNER JOIN list_turn AS turn
        ON
            channel.campaign_id = turn.campaign_id
            AND had_turn.customer_id = turn.customer_id
            AND had_turn.sent_date = turn.sent_date
    WHERE channel.use_channels <> 'all' OR channel.channel = turn.channel
),

own AS (
    SELECT
        turn.campaign_id,
        turn.channel,
        turn.customer_id,
        COUNT(*) AS contacts,
        MAX(turn.sent_date) AS last_date
    FROM list_turn AS turn
    INNER JOIN list_setting ON turn.sent_date >= list_setting.cap_from
    LEFT JOIN wanted_again
        ON
            turn.sent_date = wanted_again.sent_date
            AND turn.campaign_id = wanted_again.campaign_id
            AND turn.channel = wanted_again.channel
            AND turn.customer_id = wanted_again.customer_id
    WHERE wanted_again.customer_id IS NULL
    GROUP BY turn.campaign_id, turn.channel, turn.customer_id
),

reported AS (
    SELECT
        contact.campaign_id,
        contact.channel,
        contact.customer_id,
        COUNT(*) AS contacts,
        MAX(contact.sent_date) AS last_date
    FROM contact
    INNER JOIN list_setting ON contact.sent_date >= list_setting.cap_from
    WHERE contact.channel <> 'ads'
    GROUP BY contact.campaign_id, contact.channel, contact.customer_id
),

counted AS (
    SELECT
        COALESCE(own.customer_id, reported.customer_id) AS customer_id,
        COALESCE(own.campaign_id, reported.campaign_id) AS campaign_id,
        GREATEST(COALESCE(own.contacts, 0), COALESCE(reported.contacts, 0)) AS contacts,
        GREATEST(
            COALESCE(own.last_date, reported.last_date), COALESCE(reported.last_date, own.last_date)
        ) AS last_date
    FROM own
    FULL OUTER JOIN reported
        ON
            own.campaign_id = reported.campaign_id
            AND own.channel = reported.channel
            AND own.customer_id = reported.customer_id
),

latest AS (
    SELECT
        *,
        MAX(last_date) OVER (PARTITION BY customer_id) AS latest_date
    FROM counted
)

SELECT
    customer_id,
    CAST(SUM(contacts) AS BIGINT) AS contacts,
    MIN(CASE WHEN last_date = latest_date THEN campaign_id END) AS decided_by
FROM latest
GROUP BY customer_id

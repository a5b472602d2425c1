-- Channels through which a customer must not be written to, by the suppression list: it names any account of theirs by
-- id or by an address that the account has. Grain: customer, after merges, and channel, for what holds tonight.
WITH listed AS (
    SELECT s.*
    FROM suppressions_personal AS s
    INNER JOIN night AS n ON COALESCE(s.since_date, n.run_date) <= n.run_date
),

account AS (
    SELECT
        customer_id,
        email_normal AS address
    FROM crm_customers_personal
    UNION ALL
    SELECT
        customer_id,
        phone_normal AS address
    FROM crm_customers_personal
),

named AS (
    SELECT
        s.customer_id,
        s.channel,
        s.since_date,
        s.reason
    FROM listed AS s
    WHERE s.customer_id IS NOT NULL
    UNION ALL
    SELECT
        a.customer_id,
        s.channel,
        s.since_date,
        s.reason
    FROM (
        SELECT
            email_normal AS address,
            channel,
            since_date,
            reason
        FROM listed
        UNION ALL
        SELECT
            phone_normal AS address,
            channel,
            since_date,
            reason
        FROM listed
        UNION ALL
        SELECT
            email_or_phone_normal AS address,
            channel,
            since_date,
            reason
        FROM listed
    ) AS s
    INNER JOIN account AS a ON s.address = a.address
),

closed AS (
    SELECT
        n.*,
        c.channel AS closed_channel
    FROM named AS n
    INNER JOIN (
        VALUES ('email'), ('sms'), ('push'), ('messenger'), ('call'), ('ads')
    ) AS c (channel) ON COALESCE(n.channel, 'all') IN ('all', c.channel)
)

SELECT
    COALESCE(i.customer_id, c.customer_id) AS customer_id,
    c.closed_channel AS channel,
    MIN(CASE WHEN NOT REGEXP_MATCHES(c.reason, '@|[0-9]([ ().-]*[0-9]){9}') THEN c.reason END) AS reason,
    CASE WHEN COUNT(*) = COUNT(c.since_date) THEN MIN(c.since_date) END AS since_date
FROM closed AS c
LEFT JOIN customer_identity AS i ON c.customer_id = i.source_customer_id
GROUP BY COALESCE(i.customer_id, c.customer_id), c.closed_channel

-- Channels that a customer unsubscribed from and did not open again: by a consent of a later time, or as the CRM went
-- from no to yes afterwards (a yes that only came again opens nothing). Grain: customer, after merges, and channel.
WITH consent AS (
    SELECT
        u.*,
        c.source_customer_id,
        c.is_current,
        c.landing_date,
        c.counts_date,
        c.counts_at,
        CASE u.channel
            WHEN 'email' THEN c.email_consent
            WHEN 'sms' THEN c.sms_consent
            WHEN 'push' THEN c.push_consent
            WHEN 'messenger' THEN c.messenger_consent
            WHEN 'call' THEN c.call_consent
            WHEN 'ads' THEN c.ads_consent
        END AS is_yes,
        CASE u.channel
            WHEN 'email' THEN c.email_consent_at
            WHEN 'sms' THEN c.sms_consent_at
            WHEN 'push' THEN c.push_consent_at
            WHEN 'messenger' THEN c.messenger_consent_at
            WHEN 'call' THEN c.call_consent_at
            WHEN 'ads' THEN c.ads_consent_at
        END AS consent_at,
        CASE u.channel
            WHEN 'email' THEN c.email_consent_date
            WHEN 'sms' THEN c.sms_consent_date
            WHEN 'push' THEN c.push_consent_date
            WHEN 'messenger' THEN c.messenger_consent_date
            WHEN 'call' THEN c.call_consent_date
            WHEN 'ads' THEN c.ads_consent_date
        END AS consent_date
    FROM channel_unsubscribe AS u
    INNER JOIN crm_consent AS c ON u.customer_id = c.customer_id
),

answer AS (  -- NULL (no column that night, say) is no answer
    SELECT
        *,
        LAG(is_yes) OVER (
            PARTITION BY source_customer_id, channel
            ORDER BY counts_date, counts_at NULLS LAST, landing_date
        ) AS was_yes
    FROM consent
    WHERE is_yes IS NOT NULL
),

opened AS (
    SELECT DISTINCT
        customer_id,
        channel
    FROM answer
    WHERE
        is_yes AND NOT was_yes
        AND (
            counts_date > unsubscribed_date
            OR (
                counts_date = unsubscribed_date AND unsubscribed_at IS NOT NULL
                AND COALESCE(counts_at > unsubscribed_at, TRUE)
            )
        )
    UNION
    SELECT DISTINCT
        customer_id,
        channel
    FROM consent
    WHERE
        is_current AND consent_at IS NOT NULL
        AND (consent_date > unsubscribed_date OR consent_at > unsubscribed_at)
)

SELECT
    u.customer_id,
    u.channel,
    u.unsubscribed_date
FROM channel_unsubscribe AS u
LEFT JOIN opened AS o ON u.customer_id = o.customer_id AND u.channel = o.channel
WHERE o.customer_id IS NULL

-- Every row that the CRM sent of an account, superseded ones too: its consents, and when it counts as updated.
-- Grain: account and landing date. Without an update up to the landing night that is its end: counts_at is NULL.
WITH sent AS (
    SELECT
        *,
        TRUE AS is_current
    FROM crm_customers
    UNION ALL
    SELECT
        *,
        FALSE AS is_current
    FROM replaced.crm_customers
)

SELECT
    s.customer_id AS source_customer_id,
    s.landing_date,
    COALESCE(i.customer_id, s.customer_id) AS customer_id,
    s.is_current,
    LEAST(COALESCE(s.updated_date, s.landing_date), s.landing_date) AS counts_date,
    CASE WHEN s.updated_date <= s.landing_date THEN s.updated_at END AS counts_at,
    s.email_consent,
    s.sms_consent,
    s.push_consent,
    s.messenger_consent,
    s.call_consent,
    s.ads_consent,
    CASE WHEN s.email_consent_date <= s.landing_date THEN s.email_consent_at END AS email_consent_at,
    CASE WHEN s.sms_consent_date <= s.landing_date THEN s.sms_consent_at END AS sms_consent_at,
    CASE WHEN s.push_consent_date <= s.landing_date THEN s.push_consent_at END AS push_consent_at,
    CASE WHEN s.messenger_consent_date <= s.landing_date THEN s.messenger_consent_at END AS messenger_consent_at,
    CASE WHEN s.call_consent_date <= s.landing_date THEN s.call_consent_at END AS call_consent_at,
    CASE WHEN s.ads_consent_date <= s.landing_date THEN s.ads_consent_at END AS ads_consent_at,
    s.email_consent_date,
    s.sms_consent_date,
    s.push_consent_date,
    s.messenger_consent_date,
    s.call_consent_date,
    s.ads_consent_date
FROM sent AS s
LEFT JOIN customer_identity AS i ON s.customer_id = i.source_customer_id

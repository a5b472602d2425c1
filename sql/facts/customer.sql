-- Every person whom the CRM or a receipt knows, as of tonight. Merged accounts are one person. Grain: customer.
WITH account AS (
    SELECT
        c.*,
        COALESCE(c.enrolled_date, c.registered_date) AS joined_date,
        i.customer_id AS person_id
    FROM crm_customers AS c
    INNER JOIN night AS n ON COALESCE(c.registered_date <= n.run_date, TRUE)
    LEFT JOIN customer_identity AS i ON c.customer_id = i.source_customer_id
),

merged AS (  -- few rows; a person joined when the first of their merged accounts did
    SELECT
        person_id,
        MIN(registered_at) AS registered_at,
        MIN(registered_date) AS registered_date,
        MIN(joined_date) AS joined_date
    FROM account
    WHERE person_id IS NOT NULL
    GROUP BY person_id
),

person AS (
    SELECT
        k.*,
        COALESCE(k.customer_id, m.person_id) AS known_id,
        LEAST(k.registered_at, m.registered_at) AS first_registered_at,
        LEAST(k.registered_date, m.registered_date) AS first_registered_date,
        LEAST(k.joined_date, m.joined_date) AS enrolled_from
    FROM (
        SELECT *
        FROM account
        WHERE person_id IS NULL
    ) AS k
    FULL OUTER JOIN merged AS m ON k.customer_id = m.person_id
),

closed AS (
    SELECT
        customer_id,
        MAX(CASE WHEN channel = 'email' THEN channel END) AS email,
        MAX(CASE WHEN channel = 'sms' THEN channel END) AS sms,
        MAX(CASE WHEN channel = 'push' THEN channel END) AS push,
        MAX(CASE WHEN channel = 'messenger' THEN channel END) AS messenger,
        MAX(CASE WHEN channel = 'call' THEN channel END) AS voice,
        MAX(CASE WHEN channel = 'ads' THEN channel END) AS ads
    FROM closed_channel
    GROUP BY customer_id
)

SELECT
    COALESCE(p.known_id, s.customer_id) AS customer_id,
    p.first_registered_at AS registered_at,
    COALESCE(p.first_registered_date, CASE WHEN p.known_id IS NOT NULL THEN s.first_order_date END) AS registered_date,
    COALESCE(p.enrolled_from, CASE WHEN p.known_id IS NOT NULL THEN s.first_order_date END) AS enrolled_date,
    p.deleted_date,
    COALESCE(p.deleted_date <= n.run_date, FALSE) AS is_deleted,
    COALESCE(p.enrolled_from <= n.run_date, p.known_id IS NOT NULL AND s.first_order_date IS NOT NULL)
    AND COALESCE(p.deleted_date > n.run_date, TRUE) AS is_member,
    p.acquisition_channel,
    p.birth_date,
    p.gender,
    p.region,
    p.marital_status,
    p.household_id,
    p.tier,
    CASE WHEN p.customer_id IS NOT NULL THEN COALESCE(p.customer_type, 'person') END AS customer_type,
    p.account_manager,
    a.customer_id IS NOT NULL AS is_service_account,
    COALESCE(p.email_consent, FALSE) AND u.email IS NULL AS email_consent,
    COALESCE(p.sms_consent, FALSE) AND u.sms IS NULL AS sms_consent,
    COALESCE(p.push_consent, FALSE) AND u.push IS NULL AS push_consent,
    COALESCE(p.messenger_consent, FALSE) AND u.messenger IS NULL AS messenger_consent,
    COALESCE(p.call_consent, FALSE) AND u.voice IS NULL AS call_consent,
    COALESCE(p.ads_consent, FALSE) AND u.ads IS NULL AS ads_consent,
    NULLIF(CONCAT_WS(', ', u.email, u.sms, u.push, u.messenger, u.voice, u.ads), '') AS unsubscribed_channels
FROM person AS p
FULL OUTER JOIN customer_totals AS s ON p.known_id = s.customer_id
LEFT JOIN closed AS u ON p.known_id = u.customer_id
LEFT JOIN service_account AS a ON s.customer_id = a.customer_id
CROSS JOIN night AS n

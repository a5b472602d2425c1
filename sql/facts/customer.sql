-- Every person the CRM or a receipt knows, as of tonight; who was merged into another is that other.
-- Grain: customer.
WITH known AS (
    SELECT c.*
    FROM crm_customers AS c
    INNER JOIN night AS n ON c.registered_date <= n.run_date
),

joined AS (  -- a person joined when the first of the accounts that were merged did
    SELECT
        COALESCE(i.customer_id, k.customer_id) AS customer_id,
        MIN(k.registered_at) AS registered_at,
        MIN(k.registered_date) AS registered_date,
        MIN(COALESCE(k.enrolled_date, k.registered_date)) AS enrolled_date
    FROM known AS k
    LEFT JOIN customer_identity AS i ON k.customer_id = i.source_customer_id
    GROUP BY COALESCE(i.customer_id, k.customer_id)
)

SELECT
    COALESCE(j.customer_id, s.customer_id) AS customer_id,
    j.registered_at,
    j.registered_date,
    j.enrolled_date,
    k.deleted_date,
    COALESCE(k.deleted_date <= n.run_date, FALSE) AS is_deleted,
    COALESCE(j.enrolled_date <= n.run_date, FALSE) AND COALESCE(k.deleted_date > n.run_date, TRUE) AS is_member,
    k.acquisition_channel,
    k.birth_date,
    k.gender,
    k.region,
    k.marital_status,
    k.household_id,
    k.tier,
    CASE WHEN k.customer_id IS NOT NULL THEN COALESCE(k.customer_type, 'person') END AS customer_type,
    k.account_manager,
    a.customer_id IS NOT NULL AS is_service_account,
    COALESCE(k.email_consent, FALSE) AS email_consent,
    COALESCE(k.sms_consent, FALSE) AS sms_consent,
    COALESCE(k.push_consent, FALSE) AS push_consent,
    COALESCE(k.messenger_consent, FALSE) AS messenger_consent,
    COALESCE(k.call_consent, FALSE) AS call_consent,
    COALESCE(k.ads_consent, FALSE) AS ads_consent
FROM joined AS j
FULL OUTER JOIN customer_totals AS s ON j.customer_id = s.customer_id
LEFT JOIN known AS k ON j.customer_id = k.customer_id
LEFT JOIN service_account AS a ON s.customer_id = a.customer_id
CROSS JOIN night AS n

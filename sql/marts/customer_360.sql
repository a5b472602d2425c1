-- All that is known of each customer, without personal data: profile, consents, purchases, points, visits, scores.
-- Grain: customer, in the CRM or only seen on receipts.
WITH came AS (  -- of what never came, nobody has a count: 0 would say that it did
    SELECT
        COUNT(CASE WHEN source = 'web_events' AND has_come THEN 1 END) > 0 AS has_web_events,
        COUNT(CASE WHEN source = 'support_tickets' AND has_come THEN 1 END) > 0 AS has_support_tickets
    FROM data_quality
),

open_ticket AS (
    SELECT
        customer_id,
        COUNT(*) AS ticket_count
    FROM support_ticket
    WHERE is_open
    GROUP BY customer_id
),

current_stay AS (
    SELECT
        customer_id,
        lifecycle_stage
    FROM customer_lifecycle
    WHERE until_date IS NULL
)

SELECT
    customer.customer_id,
    customer.registered_at,
    customer.enrolled_date,
    customer.is_member,
    customer.is_deleted,
    customer.customer_type,
    customer.is_service_account,
    customer.acquisition_channel,
    customer.region,
    customer.gender,
    age.age_years,
    age.birth_month,
    customer.marital_status,
    customer.household_id,
    customer.tier,
    customer.email_consent,
    customer.sms_consent,
    customer.push_consent,
    customer.messenger_consent,
    customer.call_consent,
    customer.ads_consent,
    customer.unsubscribed_channels,
    totals.first_order_date,
    totals.last_order_date,
    DATE_DIFF('day', totals.last_order_date, night.run_date) AS days_since_last_order,
    COALESCE(totals.order_count, 0) AS order_count,
    COALESCE(totals.return_count, 0) AS return_count,
    COALESCE(totals.revenue, 0) AS revenue,
    CASE WHEN totals.customer_id IS NULL THEN 0 ELSE totals.gross_margin END AS gross_margin,
    totals.average_order_value,
    totals.discount_share,
    totals.promo_order_share,
    totals.offer_order_share,
    totals.return_share,
    totals.online_share,
    totals.favourite_category,
    totals.favourite_category_share,
    COALESCE(DATE_DIFF('day', totals.last_order_date, night.run_date) < night.active_days, FALSE) AS is_active,
    COALESCE(pattern.is_left_censored, FALSE) AS is_left_censored,
    CASE
        WHEN pattern.is_left_censored THEN NULL
        ELSE COALESCE(DATE_DIFF('day', totals.first_order_date, night.run_date) < night.active_days, FALSE)
    END AS is_new,
    customer_points.points_balance,
    customer_points.points_earned,
    customer_points.points_spent,
    customer_points.points_expired,
    customer_points.next_expiry_date,
    customer_points.next_expiry_points,
    expiry.points_expiring_14d,
    expiry.points_expiring_30d,
    expiry.points_expiring_60d,
    customer_store.home_store_id,
    customer_store.home_store_name,
    customer_store.home_region,
    customer_store.home_order_share,
    CASE WHEN customer_store.customer_id IS NULL THEN 'no_order' ELSE customer_store.reason END AS home_store_reason,
    customer_web.last_visit_date,
    CASE WHEN came.has_web_events THEN COALESCE(customer_web.view_count, 0) END AS web_view_count,
    CASE WHEN came.has_support_tickets THEN COALESCE(open_ticket.ticket_count, 0) END AS open_ticket_count,
    customer_survey.last_nps,
    customer_survey.last_nps_date,
    customer_survey.last_csi,
    customer_survey.last_csi_date,
    customer_rfm.recency_score,
    customer_rfm.frequency_score,
    customer_rfm.monetary_score,
    customer_rfm.rfm_segment,
    lifecycle.lifecycle_stage,
    customer_clv.p_alive,
    customer_clv.expected_purchases,
    customer_clv.clv,
    customer_clv.clv_low,
    customer_clv.clv_high,
    customer_clv.clv_tier,
    customer_clv.clv_basis,
    customer_churn.p_churn,
    customer_churn.churn_tier,
    customer_growth.p_spend_more,
    customer_growth.headroom,
    customer_growth.headroom_category,
    customer_next_order.next_order_date,
    customer_channel.best_channel,
    programme.tier AS programme_tier,
    programme.next_tier AS next_programme_tier,
    programme.distance_to_next_tier,
    programme.p_rise
FROM customer
CROSS JOIN night
CROSS JOIN came
LEFT JOIN customer_age AS age ON customer.customer_id = age.customer_id
LEFT JOIN customer_totals AS totals ON customer.customer_id = totals.customer_id
LEFT JOIN customer_purchase_pattern AS pattern ON customer.customer_id = pattern.customer_id
LEFT JOIN customer_points ON customer.customer_id = customer_points.customer_id
LEFT JOIN customer_points_expiry AS expiry ON customer.customer_id = expiry.customer_id
LEFT JOIN customer_store ON customer.customer_id = customer_store.customer_id
LEFT JOIN customer_web ON customer.customer_id = customer_web.customer_id
LEFT JOIN open_ticket ON customer.customer_id = open_ticket.customer_id
LEFT JOIN customer_survey ON customer.customer_id = customer_survey.customer_id
LEFT JOIN customer_rfm ON customer.customer_id = customer_rfm.customer_id
LEFT JOIN current_stay AS lifecycle ON customer.customer_id = lifecycle.customer_id
LEFT JOIN customer_clv ON customer.customer_id = customer_clv.customer_id
LEFT JOIN customer_churn ON customer.customer_id = customer_churn.customer_id
LEFT JOIN customer_growth ON customer.customer_id = customer_growth.customer_id
LEFT JOIN customer_next_order ON customer.customer_id = customer_next_order.customer_id
LEFT JOIN customer_channel ON customer.customer_id = customer_channel.customer_id
LEFT JOIN customer_tier AS programme ON customer.customer_id = programme.customer_id

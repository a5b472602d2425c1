"""The extracts of the generated retailer: a view a source, of what it hands over on a night."""

# The night is getvariable('night'). Events come on their own day, those of the history all on its last. What is faulty
# comes in surveys: one row a night.
EXTRACTS_SQL = """
CREATE VIEW extract_crm_customers AS
WITH opinion AS (  -- a consent that was taken back is false from its night on
    SELECT
        pid, channel, given_on,
        taken_back_on IS NULL OR taken_back_on > getvariable('night') AS holds,
        taken_back_on
    FROM consent
),

said AS (
    SELECT
        pid,
        BOOL_OR(channel = 'email' AND holds) AS email_consent, BOOL_OR(channel = 'sms') AS sms_consent,
        BOOL_OR(channel = 'push') AS push_consent, BOOL_OR(channel = 'messenger') AS messenger_consent,
        BOOL_OR(channel = 'call') AS call_consent, BOOL_OR(channel = 'ads') AS ads_consent,
        MIN(CASE WHEN channel = 'email' THEN given_on END) AS email_given_on,
        MAX(taken_back_on) AS taken_back_on
    FROM opinion GROUP BY pid
),

spent AS (
    SELECT pid, SUM(amount) AS amount FROM receipt
    WHERE operation = 'sale' AND day BETWEEN getvariable('history_end') - 364 AND getvariable('history_end')
    GROUP BY pid
),

state AS (  -- one in two hundred rises by a tier on the third night
    SELECT
        a.*, p.* EXCLUDE (pid, customer_id, registered_on), s.* EXCLUDE (pid),
        CASE WHEN s.taken_back_on = getvariable('night') THEN s.taken_back_on
            WHEN a.pid % 200 = 17 AND a.account_id[1] = 'C' AND getvariable('night') >= getvariable('history_end') + 2
                THEN getvariable('history_end') + 2
        END AS changed_on,
        CASE
            WHEN p.is_till THEN NULL
            WHEN a.pid % 200 = 17 AND getvariable('night') >= getvariable('history_end') + 2 THEN 'gold'
            WHEN COALESCE(spent.amount, 0) >= 60000 THEN 'gold'
            WHEN COALESCE(spent.amount, 0) >= 20000 THEN 'silver'
            ELSE 'bronze'
        END AS tier
    FROM account AS a
    INNER JOIN person AS p ON a.pid = p.pid
    LEFT JOIN said AS s ON a.pid = s.pid
    LEFT JOIN spent ON a.pid = spent.pid
)

SELECT
    account_id AS customer_id,
    local_text(at_minute(registered_on, 540)) AS registered_at,
    CASE WHEN account_id[1] = 'W' THEN 'website'
        ELSE pick('acquisition', pid, ['store', 'store', 'store', 'website', 'website', 'app', 'referral']) END
        AS acquisition_channel,
    CASE WHEN NOT is_till AND NOT is_business THEN birth_date END AS birth_date,
    CASE WHEN NOT is_till AND NOT is_business THEN gender END AS gender,
    region,
    CASE WHEN is_till THEN 'Caisse 3' ELSE first_name END AS first_name,
    CASE WHEN NOT is_till THEN last_name END AS last_name,
    email, phone,
    CASE WHEN push_consent AND account_id[1] = 'C' THEN CONCAT('generated-push-', pid) END AS push_token,
    CASE WHEN messenger_consent AND account_id[1] = 'C' THEN CONCAT('generated-messenger-', pid) END AS messenger_id,
    COALESCE(email_consent, FALSE) AS email_consent, COALESCE(sms_consent, FALSE) AS sms_consent,
    COALESCE(push_consent, FALSE) AS push_consent, COALESCE(messenger_consent, FALSE) AS messenger_consent,
    COALESCE(call_consent, FALSE) AS call_consent, COALESCE(ads_consent, FALSE) AS ads_consent,
    CASE WHEN email_consent THEN local_text(at_minute(email_given_on, 540)) END AS email_consent_at,
    CASE WHEN NOT is_business AND NOT is_till THEN
        pick('marital status', COALESCE(household_id, CAST(pid AS VARCHAR)), ['married', 'single', 'divorced']) END
        AS marital_status,
    household_id, tier,
    local_text(at_minute(registered_on, 545)) AS enrolled_at,
    merged_into AS merged_into_customer_id,
    CASE WHEN is_business THEN 'business' ELSE 'person' END AS customer_type,
    CASE WHEN is_business THEN pick('manager', pid, ['A. Colin', 'B. Marchand']) END AS account_manager,
    local_text(at_minute(COALESCE(changed_on, deleted_on, registered_on), 600)) AS updated_at,
    local_text(at_minute(deleted_on, 600)) AS deleted_at
FROM state
WHERE landing_day(registered_on) = getvariable('night') OR changed_on = getvariable('night')
ORDER BY state.account_id;

CREATE VIEW extract_receipts AS
WITH row_of_night AS (
    SELECT *, operation AS operation_tonight FROM receipt WHERE landed_on = getvariable('night')
    UNION ALL
    SELECT *, 'void' FROM receipt WHERE voided_on = getvariable('night')
),

cards AS (
    SELECT
        account_id, MIN_BY(card_id, issued_on) AS first_card, MIN(issued_on) AS first_issued_on,
        MAX_BY(card_id, issued_on) AS last_card, MAX(issued_on) AS last_issued_on, MIN(closed_on) AS closed_on
    FROM card GROUP BY account_id
),

shown AS (
    SELECT
        r.*,
        CASE
            WHEN r.day > c.first_issued_on AND (c.closed_on IS NULL OR r.day < c.closed_on) THEN c.first_card
            WHEN r.day > c.last_issued_on THEN c.last_card
        END AS card_id
    FROM row_of_night AS r
    LEFT JOIN cards AS c ON r.account_id = c.account_id
)

SELECT
    r.receipt_id,
    -- a till that is off line writes the card alone
    CASE WHEN r.card_id IS NULL OR r.is_online OR r.is_till OR NOT chance('card alone', r.tid, 300)
        THEN r.account_id END AS customer_id,
    local_text(r.issued_at) AS issued_at, r.store_id,
    CASE WHEN r.is_online THEN 'online' ELSE 'offline' END AS sales_channel,
    r.operation_tonight AS operation,
    'R' || r.sale_tid AS original_receipt_id,
    money(r.amount) AS total_amount, money(r.tax) AS tax_amount, money(r.discount) AS discount_amount,
    money(COALESCE(w.points, 0)) AS points_amount, COALESCE(w.points, 0) AS points_spent,
    CASE WHEN r.pid IS NOT NULL THEN COALESCE(l.points, 0) END AS points_earned,
    r.card_id,
    CASE WHEN NOT r.is_online THEN CONCAT(r.store_id, '-', 1 + draw('cashier', r.tid, 4)) END AS cashier_id
FROM shown AS r
LEFT JOIN paid_with_points AS w ON r.tid = w.tid
LEFT JOIN lot AS l ON r.tid = l.tid
ORDER BY r.issued_at, r.tid;

CREATE VIEW extract_receipt_lines AS
SELECT
    r.receipt_id, s.line_number, s.product_id,
    CAST(CAST(s.thousandths AS DECIMAL(15, 0)) * 0.001 AS DECIMAL(18, 3)) AS quantity,
    money(s.amount) AS amount, money(s.regular) AS regular_amount,
    money(s.offer_discount + s.code_discount) AS discount_amount, money(s.tax) AS tax_amount,
    CASE WHEN s.has_offer THEN 'week_offer' END AS promotion_id,
    money(s.cost) AS cost_amount, s.original_line_number
FROM sold_line AS s
INNER JOIN receipt AS r ON s.tid = r.tid
WHERE r.landed_on = getvariable('night')
ORDER BY r.issued_at, r.tid, s.line_number;

CREATE VIEW extract_points_ledger AS
SELECT
    entry_id, account_id AS customer_id, receipt_id, kind, points, local_text(posted_at) AS posted_at,
    STRFTIME(expires_on, '%Y-%m-%d') AS expires_at
FROM ledger
WHERE landing_day(posted_at) = getvariable('night')
ORDER BY ledger.posted_at, entry_id;

CREATE VIEW extract_products AS
SELECT
    product_id, name, category, department, brand, money(unit_cost) AS unit_cost,
    CASE WHEN unit_cost IS NOT NULL THEN 10 + draw('stock', product_id, 400) END AS stock_quantity
FROM goods ORDER BY goods.product_id;

CREATE VIEW extract_stores AS
SELECT store_id, name, region, format, 'Europe/Paris' AS time_zone FROM shop ORDER BY store_id;

-- On the second night cards change hands that show two accounts to be one person's.
CREATE VIEW extract_loyalty_cards AS
SELECT
    c.card_id,
    CASE
        WHEN c.account_id[1] = 'W' AND p.second_account = 'card' AND getvariable('night') > getvariable('history_end')
            THEN p.customer_id
        ELSE c.account_id
    END AS customer_id,
    local_text(at_minute(c.issued_on, 540)) AS issued_at, local_text(at_minute(c.closed_on, 540)) AS closed_at
FROM card AS c
INNER JOIN account AS a ON c.account_id = a.account_id
INNER JOIN person AS p ON a.pid = p.pid
WHERE c.issued_on <= getvariable('night')
ORDER BY c.card_id;

CREATE VIEW extract_programme_costs AS
SELECT STRFTIME(month, '%Y-%m-%d') AS month, money(400000 + 20000 * draw('programme', month, 10)) AS cost_amount,
    'staff, licences, IT' AS note
FROM (SELECT DATE '2023-01-01' + TO_MONTHS(n) AS month FROM RANGE(36) AS months (n))
WHERE month < getvariable('night')
ORDER BY month;

CREATE VIEW extract_campaigns AS
SELECT
    campaign_id, name, starts_on, ends_on, window_days, channel, money(cost) AS cost_amount,
    CAST(control_share AS DECIMAL(9, 4)) / 10000 AS control_share
FROM planted_campaign ORDER BY planted_campaign.starts_on;

CREATE VIEW extract_campaign_members AS
SELECT campaign_id, customer_id, arm, channel, local_text(at_minute(starts_on, 0)) AS assigned_at
FROM member
WHERE landing_day(starts_on) = getvariable('night')
ORDER BY number, pid;

CREATE VIEW extract_promo_codes AS
SELECT
    promo_code, promotion_id, campaign_id, kind, money(value) AS value,
    local_text(at_minute(valid_from, 0)) AS valid_from, STRFTIME(valid_to, '%Y-%m-%d') AS valid_to,
    purpose, money(cost) AS cost_amount
FROM code ORDER BY promo_code;

-- One in ten is typed in small letters.
CREATE VIEW extract_promo_redemptions AS
SELECT
    CASE WHEN chance('small letters', u.tid, 1000) THEN LOWER(u.promo_code) ELSE u.promo_code END AS promo_code,
    r.receipt_id, r.account_id AS customer_id, local_text(r.issued_at) AS redeemed_at,
    (SELECT money(SUM(s.code_discount)) FROM sold_line AS s WHERE s.tid = u.tid) AS discount_amount
FROM used_code AS u
INNER JOIN receipt AS r ON u.tid = r.tid
WHERE r.landed_on = getvariable('night')
ORDER BY r.issued_at, r.tid;

CREATE VIEW extract_contacts AS
SELECT
    m.contact_id, p.customer_id, m.campaign_id, m.channel, local_text(m.sent_at) AS sent_at,
    local_text(m.delivered_at) AS delivered_at, local_text(m.opened_at) AS opened_at,
    local_text(m.clicked_at) AS clicked_at, local_text(m.unsubscribed_at) AS unsubscribed_at,
    money(m.cost) AS cost_amount
FROM message AS m
INNER JOIN person AS p ON m.pid = p.pid
WHERE landing_day(m.day) = getvariable('night')
ORDER BY m.sent_at, m.contact_id;

CREATE VIEW extract_surveys AS
SELECT response_id, customer_id, local_text(answered_at) AS answered_at, kind, score
FROM answer WHERE landing_day(day) = getvariable('night')
UNION ALL
SELECT
    CONCAT('NPS-faulty-', getvariable('night')), 'C10001', local_text(at_minute(getvariable('night'), 700)), 'nps', 11
ORDER BY answered_at, response_id;

CREATE VIEW extract_support_tickets AS
SELECT
    ticket_id, customer_id, local_text(opened_at) AS opened_at,
    CASE WHEN closed_on <= getvariable('night') THEN local_text(at_minute(closed_on, 1200)) END AS closed_at,
    topic,
    CASE WHEN closed_on <= getvariable('night') THEN is_resolved END AS resolved
FROM ticket
WHERE
    landing_day(opened_on) = getvariable('night')
    OR (closed_on = getvariable('night') AND getvariable('night') > getvariable('history_end'))
UNION ALL
SELECT 'TX1', 'X77', local_text(at_minute(getvariable('history_end') - 3, 700)), NULL, 'delivery', FALSE
WHERE getvariable('night') = getvariable('history_end')
ORDER BY opened_at, ticket_id;

CREATE VIEW extract_suppressions AS
SELECT customer_id, email, phone, channel, since_on AS since, reason FROM suppression ORDER BY pid;

CREATE VIEW extract_web_events AS
SELECT event_id, customer_id, local_text(occurred_at) AS occurred_at, kind, product_id, category
FROM visit_event WHERE landing_day(day) = getvariable('night')
ORDER BY visit_event.occurred_at, event_id;
"""

"""What the generated retailer sends and hears: messages and responses, surveys, tickets, visits to the site."""

MESSAGE_SQL = """
-- Grain: message. Newsletters of the last year (and of each later night), and what the campaigns sent to their treated.
CREATE TABLE message AS
WITH open_to AS (
    SELECT c.pid, LIST(c.channel ORDER BY c.channel) AS channels
    FROM consent AS c
    INNER JOIN person AS p ON c.pid = p.pid
    WHERE p.deleted_on IS NULL AND c.taken_back_on IS NULL
    GROUP BY c.pid
),

issue AS (
    SELECT 'N' || n AS issue_id, DATE '2024-06-12' + CAST(n AS INTEGER) * 7 AS day, 320 AS share
    FROM RANGE(54) AS weeks (n)
    UNION ALL
    SELECT 'D' || n, getvariable('history_end') + CAST(n AS INTEGER), 300 FROM RANGE(1, 8) AS nights (n)
),

sent AS (
    SELECT
        CONCAT(i.issue_id, '-', o.pid) AS contact_id, o.pid, NULL AS campaign_id,
        pick(CONCAT('channel ', i.issue_id), o.pid, o.channels) AS channel, i.day
    FROM issue AS i
    INNER JOIN open_to AS o ON chance(CONCAT('news ', i.issue_id), o.pid, i.share)
    INNER JOIN person AS p ON o.pid = p.pid AND p.registered_on < i.day
    UNION ALL
    SELECT CONCAT('M', m.number, '-', m.pid), m.pid, m.campaign_id, m.channel, m.starts_on
    FROM member AS m
    INNER JOIN open_to AS o ON m.pid = o.pid AND LIST_CONTAINS(o.channels, m.channel)
    WHERE m.arm = 'treated'
),

answered AS (
    SELECT
        s.*,
        at_minute(s.day, 600) AS sent_at,
        chance('delivered', s.contact_id, 9600) AS is_delivered,
        s.channel NOT IN ('call', 'sms') AND chance('opened', s.contact_id, 4200) AS is_opened,
        chance('clicked', s.contact_id, 2500) AS is_clicked,
        ROW_NUMBER() OVER (PARTITION BY s.pid, s.channel ORDER BY s.day DESC, s.contact_id) = 1 AS is_last
    FROM sent AS s
)

-- Only who gets no more messages on a channel has unsubscribed from it.
SELECT
    contact_id, pid, campaign_id, channel, day, sent_at,
    CASE WHEN is_delivered THEN sent_at + INTERVAL 2 MINUTE END AS delivered_at,
    CASE WHEN is_delivered AND is_opened THEN sent_at + INTERVAL 95 MINUTE END AS opened_at,
    CASE WHEN is_delivered AND is_opened AND is_clicked THEN sent_at + INTERVAL 97 MINUTE END AS clicked_at,
    CASE WHEN is_delivered AND is_last AND chance('unsubscribes', contact_id, 500) THEN sent_at + INTERVAL 99 MINUTE END
        AS unsubscribed_at,
    CASE channel WHEN 'call' THEN 120 WHEN 'sms' THEN 7 WHEN 'ads' THEN 4 WHEN 'messenger' THEN 3 ELSE 1 END AS cost
FROM answered;
"""


VOICE_SQL = """
-- Grain: answer. Who is still a customer is content, who left was not.
CREATE TABLE answer AS
WITH asked AS (
    SELECT
        p.pid, kind.kind, n, p.left_on, p.customer_id, p.registered_on,
        getvariable('last_day') - draw(CONCAT('answered ', kind.kind), p.pid * 10 + n, 700) AS day
    FROM person AS p
    CROSS JOIN (VALUES ('nps', 3600), ('csi', 2000)) AS kind (kind, share)
    CROSS JOIN RANGE(2) AS time_asked (n)
    WHERE NOT p.is_till AND p.deleted_on IS NULL
        AND chance(CONCAT('asked ', kind.kind), p.pid, CASE n WHEN 0 THEN kind.share ELSE kind.share // 3 END)
)

SELECT
    CONCAT(UPPER(kind), '-', pid, '-', n) AS response_id, pid, customer_id, kind, day,
    at_minute(day, 600 + draw('minute of answer', pid * 10 + n, 700)) AS answered_at,
    CASE
        WHEN kind = 'nps' AND left_on <= day THEN pick('unhappy', pid * 10 + n, [0, 2, 4, 5, 6, 6, 7, 7, 8, 9])
        WHEN kind = 'nps' THEN pick('happy', pid * 10 + n, [4, 6, 7, 8, 8, 9, 9, 9, 10, 10])
        WHEN left_on <= day THEN pick('unhappy', pid * 10 + n, [1, 2, 2, 3, 3, 4])
        ELSE pick('happy', pid * 10 + n, [2, 3, 4, 4, 5, 5, 5])
    END AS score
FROM asked
WHERE day > registered_on;

CREATE TABLE ticket AS
SELECT
    CONCAT('T', pid) AS ticket_id, pid, customer_id, customer_id AS account_id, day AS opened_on,
    at_minute(day, 560 + draw('minute of ticket', pid, 600)) AS opened_at,
    CASE WHEN chance('is closed', pid, 8800) THEN day + draw('closed after', pid, 9) END AS closed_on,
    chance('is closed', pid, 8000) AS is_resolved,
    chance('goodwill', pid, 3000) AS has_goodwill,
    pick('topic', pid, ['delivery', 'points', 'return', 'quality']) AS topic
FROM (
    SELECT pid, customer_id, registered_on, getvariable('last_day') - draw('opened', pid, 600) AS day
    FROM person WHERE NOT is_till AND deleted_on IS NULL AND chance('has a ticket', pid, 1100)
)
WHERE day > registered_on;

-- Grain: event of a visit. Three in ten visitors do not log in.
CREATE TABLE visit_event AS
WITH visit AS (
    SELECT
        p.pid * 100 + n AS vid, p.pid, p.customer_id, p.favourite, p.registered_on,
        getvariable('last_day') - draw('visit', p.pid * 100 + n, 150) AS day,
        chance('logs in', p.pid * 100 + n, 7000) AS is_known
    FROM person AS p
    CROSS JOIN RANGE(6) AS times (n)
    WHERE NOT p.is_till AND p.deleted_on IS NULL AND n < pick('visits', p.pid, [0, 0, 0, 1, 2, 4, 6])
),

event AS (
    SELECT
        v.*, step, v.vid * 10 + step AS eid,
        CASE step WHEN 0 THEN pick('first step', v.vid, ['view', 'search']) WHEN 3 THEN 'cart' WHEN 4 THEN 'checkout'
            ELSE 'view' END AS kind
    FROM visit AS v
    CROSS JOIN RANGE(5) AS steps (step)
    WHERE step <= pick('steps', v.vid, [0, 1, 2, 2, 3, 4]) AND v.day > v.registered_on
)

SELECT
    CONCAT('V', e.eid) AS event_id, e.pid, CASE WHEN e.is_known THEN e.customer_id END AS customer_id, e.kind, e.day,
    at_minute(e.day, 480 + draw('minute of visit', e.vid, 800) + e.step * 2) AS occurred_at,
    CASE WHEN e.kind <> 'search' THEN g.product_id END AS product_id,
    g.category
FROM event AS e
INNER JOIN goods AS g
    ON g.product_id = CONCAT('P', CASE WHEN chance('looks at favourite', e.eid, 6000) THEN e.favourite
        ELSE 1 + draw('looks at', e.eid, 8) END, '0', 1 + draw('product seen', e.eid, 8));
"""

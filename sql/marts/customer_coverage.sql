-- How many rows of three sources, in the active window, belong to a customer whom the CRM or a receipt knows.
-- Grain: source (web_events, support_tickets, surveys) with a row in the window.
WITH counted AS (
    SELECT
        'web_events' AS source,
        v.occurred_date AS event_date,
        COALESCE(i.customer_id, v.customer_id) AS customer_id,
        v.event_count AS row_count
    FROM web_visit AS v
    LEFT JOIN customer_identity AS i ON v.customer_id = i.source_customer_id
    UNION ALL
    SELECT
        'support_tickets' AS source,
        opened_date AS event_date,
        customer_id,
        1 AS row_count
    FROM support_ticket
    UNION ALL
    SELECT
        'surveys' AS source,
        answered_date AS event_date,
        customer_id,
        1 AS row_count
    FROM survey_response
)

SELECT
    k.source,
    CAST(SUM(k.row_count) AS BIGINT) AS row_count,
    CAST(SUM(CASE WHEN c.customer_id IS NOT NULL THEN k.row_count ELSE 0 END) AS BIGINT) AS known_customer_count,
    CAST(
        SUM(CASE WHEN k.customer_id IS NOT NULL AND c.customer_id IS NULL THEN k.row_count ELSE 0 END) AS BIGINT
    ) AS unknown_customer_count,
    CAST(SUM(CASE WHEN k.customer_id IS NULL THEN k.row_count ELSE 0 END) AS BIGINT) AS without_customer_count
FROM counted AS k
INNER JOIN night AS n ON k.event_date > n.run_date - n.active_days  -- a bare date: older files stay unread
LEFT JOIN customer AS c ON k.customer_id = c.customer_id
GROUP BY k.source

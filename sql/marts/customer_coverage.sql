-- How many web events, tickets and survey answers up to tonight belong to a customer whom the CRM or a receipt knows.
-- Grain: source of these three.
WITH counted AS (
    SELECT
        'web_events' AS source,
        customer_id,
        event_count AS row_count
    FROM customer_web
    UNION ALL
    SELECT
        'web_events' AS source,
        customer_id,
        event_count AS row_count
    FROM web_visit
    WHERE customer_id IS NULL
    UNION ALL
    SELECT
        'support_tickets' AS source,
        customer_id,
        ticket_count AS row_count
    FROM customer_ticket
    UNION ALL
    SELECT
        'surveys' AS source,
        customer_id,
        response_count AS row_count
    FROM customer_survey
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
LEFT JOIN customer AS c ON k.customer_id = c.customer_id
GROUP BY k.source

-- Web events of each customer of the source (before merges) on a day; those that name no customer are counted together.
-- Grain: customer and business date with an event (of dates up to tonight).
SELECT
    e.customer_id,
    e.occurred_date,
    COUNT(*) AS event_count,
    COUNT(CASE WHEN e.kind = 'view' THEN 1 END) AS view_count,
    MAX(n.run_date) AS landing_date
FROM web_events AS e
INNER JOIN night AS n ON e.occurred_date <= n.run_date
GROUP BY e.customer_id, e.occurred_date

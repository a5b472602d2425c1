-- What visitors did on the site and in the app up to tonight, each with the person behind its customer (after merges).
-- Grain: event; one that names no customer stays without.
SELECT
    e.event_id,
    COALESCE(i.customer_id, e.customer_id) AS customer_id,
    e.occurred_at,
    e.occurred_date,
    e.kind,
    e.product_id,
    e.category
FROM web_events AS e
INNER JOIN night AS n ON e.occurred_date <= n.run_date
LEFT JOIN customer_identity AS i ON e.customer_id = i.source_customer_id

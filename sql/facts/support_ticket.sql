-- Tickets of customer service as known tonight, each with the person behind its customer (after merges).
-- Grain: ticket opened up to tonight. What happens to it later is not known yet; its topic is free text and left out.
SELECT
    t.ticket_id,
    COALESCE(i.customer_id, t.customer_id) AS customer_id,
    t.opened_at,
    t.opened_date,
    CASE WHEN t.closed_date <= n.run_date THEN t.closed_at END AS closed_at,
    CASE WHEN t.closed_date <= n.run_date THEN t.closed_date END AS closed_date,
    CASE WHEN t.closed_date > n.run_date THEN NULL ELSE t.resolved END AS is_resolved,
    CASE
        WHEN t.closed_date IS NULL THEN NOT COALESCE(t.resolved, FALSE)
        ELSE t.closed_date > n.run_date
    END AS is_open
FROM support_tickets AS t
INNER JOIN night AS n ON t.opened_date <= n.run_date
LEFT JOIN customer_identity AS i ON t.customer_id = i.source_customer_id

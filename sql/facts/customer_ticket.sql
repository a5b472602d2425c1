-- Tickets of each customer as of tonight.
-- Grain: customer with a ticket.
SELECT
    customer_id,
    COUNT(*) AS ticket_count,
    COUNT(CASE WHEN is_open THEN 1 END) AS open_ticket_count
FROM support_ticket
GROUP BY customer_id

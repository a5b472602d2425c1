-- Messages sent to customers up to tonight, each with the person behind its customer (after merges).
-- Grain: contact.
SELECT
    c.contact_id,
    COALESCE(i.customer_id, c.customer_id) AS customer_id,
    c.campaign_id,
    c.channel,
    c.sent_at,
    c.sent_date,
    c.delivered_at,
    c.delivered_date,
    c.opened_at,
    c.clicked_at,
    c.unsubscribed_at,
    c.cost_amount
FROM contacts AS c
INNER JOIN night AS n ON c.sent_date <= n.run_date
LEFT JOIN customer_identity AS i ON c.customer_id = i.source_customer_id

-- What customers did on each channel, and their RFM segment, in the order in which batches of customers look for it.
-- Grain: customer, channel and is_recent, with a contact.
SELECT
    r.customer_id,
    r.channel,
    r.is_recent,
    r.delivered_count,
    r.opened_count,
    r.clicked_count,
    r.purchase_count,
    r.opened_purchase_count,
    r.clicked_purchase_count,
    r.logged_count,
    r.logged_weight,
    r.logged_purchase_weight,
    COALESCE(f.rfm_segment, 'no_order') AS segment
FROM contact_response AS r
LEFT JOIN customer_rfm AS f ON r.customer_id = f.customer_id
ORDER BY r.customer_id, r.channel, r.is_recent

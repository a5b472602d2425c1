-- What a fixed random part of the customers who were reached did: how much customers differ is learnt from it.
-- Grain: customer and channel with a contact.
SELECT
    r.customer_id,
    r.segment,
    r.channel,
    r.delivered_count,
    r.opened_count,
    r.clicked_count,
    r.purchase_count,
    r.opened_purchase_count,
    r.clicked_purchase_count
FROM response AS r
INNER JOIN sample_bound AS b ON b.md5_bound > MD5(r.customer_id)
ORDER BY r.customer_id, r.channel

-- What a fixed random part of the customers who were reached did: how much customers differ is learnt from it.
-- Grain: customer, channel and is_recent, with a contact.
SELECT
    r.customer_id,
    r.segment,
    r.channel,
    r.is_recent,
    r.delivered_count,
    r.opened_count,
    r.clicked_count,
    r.purchase_count,
    r.opened_purchase_count,
    r.clicked_purchase_count,
    CAST(r.logged_count AS DOUBLE) AS logged_count,
    CAST(r.logged_weight AS DOUBLE) AS logged_weight,
    CAST(r.logged_purchase_weight AS DOUBLE) AS logged_purchase_weight
FROM response AS r
INNER JOIN sample_bound AS b ON b.md5_bound > MD5(r.customer_id)
ORDER BY r.customer_id, r.channel, r.is_recent

-- For whom a channel is chosen: their RFM segment, consents, and a draw that stays the same for a month.
-- Grain: customer who is not deleted, in the order of their ids.
SELECT
    c.customer_id,
    COALESCE(f.rfm_segment, 'no_order') AS segment,
    c.ads_consent,
    c.call_consent,
    c.email_consent,
    c.messenger_consent,
    c.push_consent,
    c.sms_consent,
    MD5(d.prefix || c.customer_id) AS draw
FROM customer AS c
LEFT JOIN customer_rfm AS f ON c.customer_id = f.customer_id
CROSS JOIN channel_draw AS d
WHERE NOT c.is_deleted
ORDER BY c.customer_id

-- Lapsing: came at least three times, and are late by their own rhythm, but not yet very late: of twenty such customers
-- who still buy, at most one would stay away so long (RFM segments need_attention and about_to_sleep).
-- For a reminder in time; who is very late is in at_risk.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND order_count >= 3
    AND rfm_segment IN ('need_attention', 'about_to_sleep')

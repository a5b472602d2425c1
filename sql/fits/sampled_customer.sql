-- A fixed random part of the customers, by the md5 of their ids: what spend growth and the next order are learnt from.
-- Grain: customer in the part; no service account.
SELECT
    t.customer_id,
    MD5(t.customer_id) AS draw
FROM customer_totals AS t
INNER JOIN sample_bound AS b ON b.md5_bound > MD5(t.customer_id)
LEFT JOIN service_account AS s ON t.customer_id = s.customer_id
WHERE s.customer_id IS NULL

-- A fixed random part of the customers, by the md5 of their ids: what churn is learnt from where they are many.
-- Grain: customer in the part, service accounts among them.
SELECT t.customer_id
FROM customer_totals AS t
INNER JOIN sample_bound AS b ON b.md5_bound > MD5(t.customer_id)

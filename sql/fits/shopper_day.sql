-- Days with an order of all shoppers, or of a fixed random part: buying, leaving and seasons are learnt from them.
-- Grain: customer and business_date; service accounts are left out.
SELECT
    d.customer_id,
    d.business_date,
    d.known_date
FROM customer_day AS d
INNER JOIN sample_bound AS b ON b.md5_bound >= SUBSTRING(MD5(d.customer_id), 9, 8)
LEFT JOIN service_account AS s ON d.customer_id = s.customer_id
WHERE d.order_count > 0 AND s.customer_id IS NULL

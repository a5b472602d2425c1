-- Loyal customers: buy often and spend much, and still come (RFM segments champions and loyal).
-- For privileges of the programme.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND is_active
    AND rfm_segment IN ('champions', 'loyal')

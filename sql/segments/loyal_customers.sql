-- Loyal customers: buy often and spend much, and are not late (RFM segments champions and loyal).
-- For privileges of the programme.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND rfm_segment IN ('champions', 'loyal')

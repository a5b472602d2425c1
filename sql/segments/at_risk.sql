-- At risk: used to buy often and spend well, but have not come for long (RFM segments at_risk and cant_lose).
-- For win-back, the best customers first.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND rfm_segment IN ('at_risk', 'cant_lose')

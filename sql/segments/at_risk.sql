-- At risk: used to buy often and spend well, and are very late by their own rhythm: of a hundred such customers who
-- still buy, at most one would stay away so long (RFM segments at_risk and cant_lose). For win-back, the best first.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND rfm_segment IN ('at_risk', 'cant_lose')

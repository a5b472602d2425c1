-- One-time buyers: have placed exactly one order, whenever it was.
-- For an offer in their favourite category, or a reminder of unused points.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND order_count = 1

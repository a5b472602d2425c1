-- Members without an order: have joined the programme and never bought.
-- For a welcome that leads to the first order.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND is_member
    AND order_count = 0

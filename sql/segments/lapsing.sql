-- Lapsing: came at least three times, and now stay away more than twice as long as they usually do between orders,
-- but have still bought in the active window, and are not among the least recent fifth. For a reminder in time.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND is_active
    AND order_count >= 3
    AND recency_score > 1
    -- The usual pause is (last - first order) / (orders - 1). Orders on a single day have none.
    AND first_order_date < last_order_date
    AND days_since_last_order * (order_count - 1) > 2 * DATE_DIFF('day', first_order_date, last_order_date)

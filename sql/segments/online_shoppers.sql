-- Online shoppers: at least half of their orders were placed online (orders whose channel is known).
-- For offers that lead to the web shop.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND online_share >= 0.5

-- High value: the fifth of customers from whom most is expected in the coming year (CLV tiers platinum and gold).
-- For personal service and the best privileges.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND clv_tier IN ('platinum', 'gold')

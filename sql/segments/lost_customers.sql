-- Lost customers: among the fifth whose last order is longest ago, and none in the active window.
-- For one last win-back; leave out of what costs money.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND recency_score = 1
    AND NOT is_active

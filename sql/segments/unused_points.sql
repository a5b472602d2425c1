-- Unused points: members who have points to spend and have never spent any.
-- For a reminder of what their points buy.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND is_member
    AND points_balance > 0
    AND points_spent = 0

-- Points expiring: members with points that expire in the next 30 days.
-- For a reminder to spend them; points_expiring_30d says how many there are.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND is_member
    AND points_expiring_30d > 0

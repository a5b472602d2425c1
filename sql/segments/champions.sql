-- Champions: bought most recently (top fifth), and among those who buy most often and spend most.
-- To thank, to ask for referrals, to show new things first; no discount needed.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND is_active
    AND rfm_segment = 'champions'

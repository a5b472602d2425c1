-- Champions: among those who buy most often and spend most, and not late by their own rhythm (RFM segment champions).
-- To thank, to ask for referrals, to show new things first; no discount needed.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND rfm_segment = 'champions'

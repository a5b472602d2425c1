-- Category loyal: at least three orders, and at least half of what they spent went into one category.
-- For news and offers of that category (favourite_category in customer_360).
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND order_count >= 3
    AND favourite_category_share >= 0.5

-- Who bought a product between 180 and 359 days ago, and how many of them again within 180 days of the first such time.
-- Grain: product.
WITH followed AS (
    SELECT
        customer_id,
        product_id,
        days_ago,
        MAX(days_ago) OVER (PARTITION BY customer_id, product_id) AS first_days_ago,
        LEAD(days_ago) OVER (PARTITION BY customer_id, product_id ORDER BY days_ago DESC) AS next_days_ago
    FROM product_purchase
)

SELECT
    product_id,
    COUNT(*) AS customers,
    COUNT(CASE WHEN days_ago - next_days_ago <= 180 THEN 1 END) AS repeat_customers
FROM followed
WHERE days_ago = first_days_ago AND days_ago >= 180
GROUP BY product_id
ORDER BY product_id

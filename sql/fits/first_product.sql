-- Customers by a product of their first order, 180 to 719 days ago, and who of them ordered again within 180 days.
-- Grain: product, and NULL for all of those customers together. Who may be older than the data is left out.
WITH began AS (
    SELECT
        f.receipt_id,
        f.customer_id,
        COALESCE(DATE_DIFF('day', d.business_date, d.next_order_date) <= 180, FALSE) AS has_repeated
    FROM first_order AS f
    INNER JOIN sampled_customer AS s ON f.customer_id = s.customer_id
    INNER JOIN night AS n ON DATE_DIFF('day', f.business_date, n.run_date) BETWEEN 180 AND 719
    INNER JOIN customer_day AS d ON f.customer_id = d.customer_id AND f.business_date = d.business_date
    WHERE NOT f.is_left_censored
),

basket AS (
    SELECT DISTINCT
        l.product_id,
        b.customer_id,
        b.has_repeated
    FROM began AS b
    INNER JOIN order_line AS l ON b.receipt_id = l.receipt_id
    WHERE l.revenue > 0 AND l.product_id IS NOT NULL
    UNION ALL
    SELECT DISTINCT
        CAST(NULL AS VARCHAR) AS product_id,
        customer_id,
        has_repeated
    FROM began
)

SELECT
    product_id,
    COUNT(*) AS customers,
    COUNT(CASE WHEN has_repeated THEN 1 END) AS repeat_customers
FROM basket
GROUP BY product_id
ORDER BY product_id

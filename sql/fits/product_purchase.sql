-- Days on which sampled customers bought the products that most of them bought, of the last 360 days.
-- Grain: customer, product and days_ago (0: tonight). Gifts and gift cards bring no revenue and are no purchase.
WITH bought AS (
    SELECT
        l.customer_id,
        l.product_id,
        DATE_DIFF('day', l.business_date, n.run_date) AS days_ago
    FROM order_line AS l
    INNER JOIN sampled_customer AS s ON l.customer_id = s.customer_id
    INNER JOIN night AS n ON l.business_date > n.run_date - 360
    WHERE NOT l.is_return AND l.revenue > 0 AND l.product_id IS NOT NULL
    GROUP BY l.customer_id, l.product_id, DATE_DIFF('day', l.business_date, n.run_date)
),

buyer AS (
    SELECT DISTINCT
        customer_id,
        product_id
    FROM bought
),

counted AS (
    SELECT
        product_id,
        RANK() OVER (ORDER BY COUNT(*) DESC, product_id ASC) AS product_rank
    FROM buyer
    GROUP BY product_id
)

SELECT
    b.customer_id,
    b.product_id,
    b.days_ago
FROM bought AS b
INNER JOIN counted AS c ON b.product_id = c.product_id
INNER JOIN product_bound AS k ON c.product_rank <= k.product_limit
ORDER BY b.customer_id, b.product_id, b.days_ago

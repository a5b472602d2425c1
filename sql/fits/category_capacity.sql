-- What a household takes of a category in a year: the capacity is the amount that nine in ten do not exceed.
-- Grain: category with minimum_compared households. Annual volume is estimated only for those known for 180 days.
WITH member AS (
    SELECT
        t.customer_id,
        t.first_order_date,
        COALESCE('h' || c.household_id, 'c' || t.customer_id) AS household
    FROM customer_totals AS t
    LEFT JOIN customer AS c ON t.customer_id = c.customer_id
    LEFT JOIN service_account AS s ON t.customer_id = s.customer_id
    WHERE s.customer_id IS NULL
),

sampled AS (
    SELECT
        m.customer_id,
        m.household,
        MIN(m.first_order_date) OVER (PARTITION BY m.household) AS first_order_date
    FROM member AS m
    INNER JOIN sample_bound AS b ON b.md5_bound > MD5(m.household)
),

taken AS (
    SELECT
        h.household,
        c.category,
        SUM(c.line_count) AS line_count,
        CAST(
            CAST(SUM(c.revenue) AS DOUBLE) * 365
            / NULLIF(DATE_DIFF('day', MIN(h.first_order_date), n.run_date) + 1, 0) AS DECIMAL(18, 2)
        ) AS amount
    FROM customer_category AS c
    INNER JOIN sampled AS h ON c.customer_id = h.customer_id
    CROSS JOIN night AS n
    WHERE DATE_DIFF('day', h.first_order_date, n.run_date) >= 180
    GROUP BY h.household, c.category, n.run_date
    HAVING SUM(c.line_count) > 0 AND SUM(c.revenue) > 0
),

ordered AS (
    SELECT
        category,
        line_count,
        amount,
        COUNT(*) OVER (PARTITION BY category) AS household_count,
        COUNT(*) OVER (PARTITION BY category ORDER BY amount) AS up_to_count  -- that take so much or less
    FROM taken
)

SELECT
    o.category,
    o.household_count,
    CAST(COUNT(CASE WHEN o.line_count > 1 THEN 1 END) AS DOUBLE) / NULLIF(o.household_count, 0) AS repeated_share,
    CAST(COUNT(CASE WHEN o.line_count > 1 THEN 1 END) AS DOUBLE) / NULLIF(o.household_count, 0) < 0.2 AS is_durable,
    MIN(CASE WHEN o.up_to_count * 10 >= o.household_count * 9 THEN o.amount END) AS capacity_amount
FROM ordered AS o
INNER JOIN compared AS k ON o.household_count >= k.minimum_compared
GROUP BY o.category, o.household_count
ORDER BY o.category

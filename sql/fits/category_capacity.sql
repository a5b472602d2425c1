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

counted AS (
    SELECT
        category,
        COUNT(*) AS household_count,
        CAST(COUNT(CASE WHEN line_count > 1 THEN 1 END) AS DOUBLE) / NULLIF(COUNT(*), 0) AS repeated_share
    FROM taken
    GROUP BY category
),

ranked AS (
    SELECT
        category,
        amount,
        RANK() OVER (PARTITION BY category ORDER BY amount) AS amount_rank
    FROM taken
)

SELECT
    c.category,
    c.household_count,
    c.repeated_share,
    c.repeated_share < 0.2 AS is_durable,
    MAX(CASE WHEN (r.amount_rank - 1) * 10 < c.household_count * 9 THEN r.amount END) AS capacity_amount
FROM counted AS c
INNER JOIN compared AS k ON c.household_count >= k.minimum_compared
INNER JOIN ranked AS r ON c.category = r.category
GROUP BY c.category, c.household_count, c.repeated_share
ORDER BY c.category

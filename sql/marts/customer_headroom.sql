-- How much more a household could buy of the customer's categories, until it buys as much as nine of ten households.
-- Grain: customer with an order in the last year and a category whose capacity is known.
WITH sharing AS (  -- households of several customers, who buy of a category together
    SELECT
        c.customer_id,
        c.household_id,
        MIN(t.first_order_date) OVER (PARTITION BY c.household_id) AS first_order_date,
        COUNT(*) OVER (PARTITION BY c.household_id) AS customer_count
    FROM customer AS c
    INNER JOIN customer_totals AS t ON c.customer_id = t.customer_id
    WHERE c.household_id IS NOT NULL
),

member AS (
    SELECT * FROM sharing
    WHERE customer_count > 1
),

household_category AS (
    SELECT
        m.household_id,
        c.category,
        SUM(c.revenue) AS revenue
    FROM customer_category AS c
    INNER JOIN member AS m ON c.customer_id = m.customer_id
    GROUP BY m.household_id, c.category
),

room AS (  -- only in categories that were bought before: others may not be wanted
    SELECT
        s.customer_id,
        c.category,
        CASE
            WHEN k.is_durable THEN 0
            ELSE GREATEST(
                k.capacity_amount - CAST(
                    CAST(GREATEST(COALESCE(h.revenue, c.revenue), 0) AS DOUBLE) * 365 / NULLIF(GREATEST(
                        COALESCE(DATE_DIFF('day', m.first_order_date, s.as_of_date), s.days_since_first_order) + 1, 180
                    ), 0) AS DECIMAL(18, 2)
                ), 0
            )
        END AS amount
    FROM customer_features AS s
    INNER JOIN customer_category AS c ON s.customer_id = c.customer_id
    INNER JOIN category_capacity AS k ON c.category = k.category
    LEFT JOIN member AS m ON s.customer_id = m.customer_id
    LEFT JOIN household_category AS h ON m.household_id = h.household_id AND c.category = h.category
    WHERE c.line_count > 0
),

most AS (
    SELECT
        customer_id,
        SUM(amount) AS total,
        MAX(amount) AS amount
    FROM room
    GROUP BY customer_id
),

first_category AS (
    SELECT
        r.customer_id,
        MIN(r.category) AS category
    FROM room AS r
    INNER JOIN most AS b ON r.customer_id = b.customer_id AND r.amount = b.amount
    WHERE r.amount > 0
    GROUP BY r.customer_id
)

SELECT
    m.customer_id,
    CAST(m.total AS DECIMAL(38, 2)) AS category_headroom,
    f.category AS headroom_category,
    CASE WHEN f.category IS NOT NULL THEN m.amount END AS headroom_category_amount
FROM most AS m
LEFT JOIN first_category AS f ON m.customer_id = f.customer_id

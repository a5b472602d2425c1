-- Where each customer ordered most often in the last 365 days; ties are broken by the last order, then by the id.
-- Grain: customer with an order in these days that names its store. A store that the extract lacks has no name.
WITH visited AS (
    SELECT
        o.customer_id,
        o.store_id,
        COUNT(*) AS order_count,
        MAX(o.issued_at) AS last_ordered_at
    FROM order_fact AS o
    INNER JOIN night AS n ON o.business_date > n.run_date - 365  -- a bare date: files of older days stay unread
    WHERE NOT o.is_return AND o.customer_id IS NOT NULL AND o.store_id IS NOT NULL
    GROUP BY o.customer_id, o.store_id
),

ranked AS (
    SELECT
        customer_id,
        store_id,
        RANK() OVER (
            PARTITION BY customer_id
            ORDER BY order_count DESC, last_ordered_at DESC, store_id ASC
        ) AS place
    FROM visited
)

SELECT
    r.customer_id,
    r.store_id AS home_store_id,
    s.name AS home_store_name,
    s.region AS home_region
FROM ranked AS r
LEFT JOIN stores AS s ON r.store_id = s.store_id
WHERE r.place = 1

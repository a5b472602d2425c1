-- Where each customer ordered most often in the last 365 days; ties are broken by the last order, then by the id.
-- Grain: customer with an order in these days. A store that the extract lacks has no name.
WITH visited AS (  -- orders that name no store are a group of their own
    SELECT
        o.customer_id,
        o.store_id,
        COUNT(CASE WHEN NOT o.is_return THEN 1 END) AS order_count,
        COUNT(CASE WHEN NOT o.is_return AND o.sales_channel = 'online' THEN 1 END) AS online_count,
        MAX(CASE WHEN NOT o.is_return THEN o.issued_at END) AS last_ordered_at,
        SUM(o.revenue) AS revenue
    FROM order_fact AS o
    INNER JOIN night AS n ON o.business_date > n.run_date - 365  -- a bare date: files of older days stay unread
    WHERE o.customer_id IS NOT NULL
    GROUP BY o.customer_id, o.store_id
),

told AS (
    SELECT
        *,
        order_count > 0 AND store_id IS NOT NULL AS is_store_order
    FROM visited
),

ranked AS (
    SELECT
        customer_id,
        CASE WHEN is_store_order THEN store_id END AS store_id,
        order_count,
        SUM(order_count) OVER (PARTITION BY customer_id) AS customer_orders,
        SUM(online_count) OVER (PARTITION BY customer_id) AS customer_online_orders,
        revenue,
        SUM(revenue) OVER (PARTITION BY customer_id) AS customer_revenue,
        RANK() OVER (
            PARTITION BY customer_id
            ORDER BY
                CASE WHEN is_store_order THEN 0 ELSE 1 END ASC,
                order_count DESC,
                last_ordered_at DESC NULLS LAST,
                store_id ASC NULLS FIRST
        ) AS place
    FROM told
)

SELECT
    r.customer_id,
    r.store_id AS home_store_id,
    s.name AS home_store_name,
    s.region AS home_region,
    CASE WHEN r.store_id IS NULL THEN 0 ELSE r.order_count END AS home_order_count,
    CAST(r.customer_orders AS BIGINT) AS order_count,
    CASE WHEN r.store_id IS NOT NULL THEN CAST(r.order_count AS DOUBLE) / NULLIF(r.customer_orders, 0) END
        AS home_order_share,
    CAST(CASE WHEN r.store_id IS NULL THEN 0 ELSE r.revenue END AS DECIMAL(38, 2)) AS home_revenue,
    CAST(r.customer_revenue - CASE WHEN r.store_id IS NULL THEN 0 ELSE r.revenue END AS DECIMAL(38, 2))
        AS elsewhere_revenue,
    CASE
        WHEN r.store_id IS NULL AND r.customer_online_orders = r.customer_orders THEN 'online_only'
        WHEN r.store_id IS NULL THEN 'orders_without_store'
    END AS reason
FROM ranked AS r
LEFT JOIN stores AS s ON r.store_id = s.store_id
WHERE r.place = 1 AND r.customer_orders > 0

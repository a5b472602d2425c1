-- Each store: since when and until when it sells, and the customers who call it home.
-- Grain: store of the extract, of a receipt; unknown for receipts and customers without one.
WITH sold AS (
    SELECT
        cut_value AS store_id,
        MIN(CASE WHEN receipts > 0 THEN period_start END) AS first_sale_date,
        MAX(CASE WHEN receipts > 0 THEN period_start END) AS last_sale_date,
        COUNT(CASE WHEN receipts > 0 THEN 1 END) AS sale_days,
        SUM(revenue) AS revenue
    FROM kpi_period
    WHERE period = 'day' AND cut = 'store'
    GROUP BY cut_value
),

channel AS (
    SELECT
        COALESCE(store_id, 'unknown') AS store_id,
        COUNT(*) AS sale_receipts,
        COUNT(CASE WHEN sales_channel = 'online' THEN 1 END) AS online_receipts
    FROM receipt_fact
    WHERE NOT is_return
    GROUP BY COALESCE(store_id, 'unknown')
),

home AS (
    SELECT
        COALESCE(home_store_id, 'unknown') AS store_id,
        COUNT(*) AS home_customers,
        COUNT(CASE WHEN order_count > 1 THEN 1 END) AS repeat_home_customers,
        SUM(home_revenue) AS home_revenue,
        SUM(elsewhere_revenue) AS elsewhere_revenue
    FROM customer_store
    GROUP BY COALESCE(home_store_id, 'unknown')
),

edge AS (
    SELECT
        store_id,
        MAX(CASE WHEN stretch_kind = 'before_opening' THEN until_date + 1 END) AS opened_date,
        MIN(CASE WHEN stretch_kind = 'since_closing' THEN from_date - 1 END) AS closed_date
    FROM store_closure
    GROUP BY store_id
),

known AS (
    SELECT store_id FROM stores
    UNION
    SELECT store_id FROM sold
    UNION
    SELECT store_id FROM home
)

SELECT
    k.store_id,
    s.name AS store_name,
    s.region AS store_region,
    s.format AS store_format,
    COALESCE(k.store_id <> 'unknown' AND c.sale_receipts = c.online_receipts, FALSE) AS is_online,
    t.first_sale_date,
    t.last_sale_date,
    e.opened_date,
    e.closed_date,
    COALESCE(t.sale_days, 0) AS sale_days,
    CAST(COALESCE(t.revenue, 0) AS DECIMAL(38, 2)) AS revenue,
    COALESCE(h.home_customers, 0) AS home_customers,
    COALESCE(h.repeat_home_customers, 0) AS repeat_home_customers,
    CAST(COALESCE(h.home_revenue, 0) AS DECIMAL(38, 2)) AS home_revenue,
    CAST(COALESCE(h.elsewhere_revenue, 0) AS DECIMAL(38, 2)) AS elsewhere_revenue
FROM known AS k
LEFT JOIN stores AS s ON k.store_id = s.store_id
LEFT JOIN sold AS t ON k.store_id = t.store_id
LEFT JOIN channel AS c ON k.store_id = c.store_id
LEFT JOIN home AS h ON k.store_id = h.store_id
LEFT JOIN edge AS e ON k.store_id = e.store_id

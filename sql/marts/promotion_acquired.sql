-- What customers whose first order was under a promotion bought next, beside others of the same month without a code.
-- Grain: promotion, month of the first order, window. Both are described: who takes an offer differs from who does not.
WITH without_code AS (
    SELECT
        business_month,
        window_days,
        COUNT(*) AS customers,
        COUNT(gross_margin) AS costed_customers,
        SUM(order_count) AS orders,
        SUM(revenue) AS revenue,
        SUM(gross_margin) AS gross_margin
    FROM acquired_customer
    WHERE is_over AND NOT has_promo
    GROUP BY business_month, window_days
),

taker AS (
    SELECT DISTINCT
        o.promotion_id,
        f.customer_id
    FROM first_order AS f
    INNER JOIN promotion_order AS o ON f.receipt_id = o.receipt_id
),

acquired AS (  -- who came by an offer without a code is among the month's customers without a code, and taken off there
    SELECT
        taker.promotion_id,
        c.business_month,
        c.window_days,
        COUNT(CASE WHEN c.is_over THEN 1 END) AS customers,
        COUNT(CASE WHEN NOT c.is_over THEN 1 END) AS pending_customers,
        COUNT(CASE WHEN c.is_over AND c.order_count > 0 THEN 1 END) AS repeat_customers,
        COUNT(CASE WHEN c.is_over THEN c.gross_margin END) AS costed_customers,
        SUM(CASE WHEN c.is_over THEN c.order_count ELSE 0 END) AS orders,
        SUM(CASE WHEN c.is_over THEN c.revenue ELSE 0 END) AS revenue,
        SUM(CASE WHEN c.is_over THEN c.gross_margin ELSE 0 END) AS gross_margin,
        COUNT(CASE WHEN c.is_over AND NOT c.has_promo THEN 1 END) AS own_customers,
        COUNT(CASE WHEN c.is_over AND NOT c.has_promo THEN c.gross_margin END) AS own_costed_customers,
        SUM(CASE WHEN c.is_over AND NOT c.has_promo THEN c.order_count ELSE 0 END) AS own_orders,
        SUM(CASE WHEN c.is_over AND NOT c.has_promo THEN c.revenue ELSE 0 END) AS own_revenue,
        SUM(CASE WHEN c.is_over AND NOT c.has_promo THEN c.gross_margin ELSE 0 END) AS own_margin
    FROM taker
    INNER JOIN acquired_customer AS c ON taker.customer_id = c.customer_id
    GROUP BY taker.promotion_id, c.business_month, c.window_days
),

compared AS (
    SELECT
        a.*,
        COALESCE(w.customers, 0) - a.own_customers AS other_customers,
        COALESCE(w.orders, 0) - a.own_orders AS other_orders,
        COALESCE(w.revenue, 0) - a.own_revenue AS other_revenue,
        CASE
            WHEN w.costed_customers - a.own_costed_customers = w.customers - a.own_customers
                THEN COALESCE(w.gross_margin, 0) - a.own_margin
        END AS other_margin
    FROM acquired AS a
    LEFT JOIN without_code AS w ON a.business_month = w.business_month AND a.window_days = w.window_days
)

SELECT
    promotion_id,
    business_month,
    CAST(window_days AS BIGINT) AS window_days,
    customers AS new_customers,
    pending_customers,
    repeat_customers,
    CAST(orders AS BIGINT) AS orders,
    CAST(revenue AS DECIMAL(38, 2)) AS revenue,
    CASE WHEN costed_customers = customers THEN CAST(gross_margin AS DECIMAL(38, 2)) END AS gross_margin,
    other_customers,
    CAST(other_orders AS BIGINT) AS other_orders,
    CAST(other_revenue AS DECIMAL(38, 2)) AS other_revenue,
    CAST(other_margin AS DECIMAL(38, 2)) AS other_gross_margin,
    CAST(customers * other_orders AS DOUBLE) / NULLIF(other_customers, 0) AS orders_as_others,
    CAST(customers * other_revenue AS DOUBLE) / NULLIF(other_customers, 0) AS revenue_as_others,
    CAST(customers * other_margin AS DOUBLE) / NULLIF(other_customers, 0) AS gross_margin_as_others
FROM compared

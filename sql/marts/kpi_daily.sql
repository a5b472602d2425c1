-- Key figures of each day: sales, orders, members and their activity, participation, promo codes.
-- Grain: business date, from the first receipt's to tonight's.
WITH receipt AS (
    SELECT
        order_fact.business_date,
        order_fact.customer_id,
        order_fact.revenue,
        order_fact.gross_margin,
        order_fact.has_promo,
        order_fact.promo_discount,
        order_fact.is_return,
        NOT order_fact.is_return AND order_fact.customer_id IS NOT NULL AS is_order,
        COALESCE(order_fact.business_date >= customer.enrolled_date, FALSE)
        AND COALESCE(order_fact.business_date < customer.deleted_date, TRUE) AS is_of_member
    FROM order_fact
    LEFT JOIN customer ON order_fact.customer_id = customer.customer_id
),

daily AS (
    SELECT
        business_date,
        SUM(revenue) AS revenue,
        SUM(revenue) FILTER (WHERE customer_id IS NOT NULL) AS member_revenue,
        COUNT(*) - COUNT(gross_margin) AS receipts_without_margin,
        SUM(gross_margin) AS gross_margin,
        COUNT(*) FILTER (WHERE NOT is_return) AS receipts,
        COUNT(*) FILTER (WHERE is_return) AS return_receipts,
        COUNT(*) FILTER (WHERE is_order) AS orders,
        COUNT(DISTINCT customer_id) FILTER (WHERE is_order) AS buyers,
        COUNT(*) FILTER (WHERE is_of_member AND NOT is_return) AS member_receipts,
        SUM(revenue) FILTER (WHERE NOT is_return) AS sale_revenue,
        SUM(CASE WHEN is_of_member THEN revenue ELSE 0 END) FILTER (WHERE NOT is_return) AS member_sale_revenue,
        COUNT(*) FILTER (WHERE is_order AND has_promo) AS promo_orders,
        SUM(promo_discount) FILTER (WHERE NOT is_return) AS promo_discount
    FROM receipt
    GROUP BY business_date
)

SELECT
    calendar.business_date,
    CAST(COALESCE(daily.revenue, 0) AS DECIMAL(38, 2)) AS revenue,
    CAST(COALESCE(daily.member_revenue, 0) AS DECIMAL(38, 2)) AS member_revenue,
    CASE
        WHEN COALESCE(daily.receipts_without_margin, 0) = 0
            THEN CAST(COALESCE(daily.gross_margin, 0) AS DECIMAL(38, 2))
    END AS gross_margin,
    COALESCE(daily.receipts, 0) AS receipts,
    COALESCE(daily.return_receipts, 0) AS return_receipts,
    COALESCE(daily.orders, 0) AS orders,
    COALESCE(daily.buyers, 0) AS buyers,
    CAST(daily.member_revenue AS DOUBLE) / NULLIF(daily.orders, 0) AS average_order_value,
    members_daily.members,
    members_daily.new_members,
    members_daily.active_members,
    members_daily.benefit_users,
    CAST(daily.member_receipts AS DOUBLE) / NULLIF(daily.receipts, 0) AS participation_rate,
    CAST(daily.member_sale_revenue AS DOUBLE) / NULLIF(daily.sale_revenue, 0) AS participation_revenue_rate,
    COALESCE(daily.promo_orders, 0) AS promo_orders,
    CAST(COALESCE(daily.promo_discount, 0) AS DECIMAL(38, 2)) AS promo_discount
FROM calendar
INNER JOIN members_daily ON calendar.business_date = members_daily.business_date
LEFT JOIN daily ON calendar.business_date = daily.business_date

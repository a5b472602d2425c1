-- Key figures of each day: sales, orders, members and their activity, participation, promo codes.
-- Grain: business date, from the first receipt's to tonight's.
WITH receipt AS (
    SELECT
        business_date,
        SUM(revenue) AS revenue,
        COUNT(CASE WHEN gross_margin IS NULL AND (revenue <> 0 OR line_count > 0) THEN 1 END) AS unknown_margins,
        SUM(gross_margin) AS gross_margin,
        -- one without revenue and customer is no sale: a till's test, a receipt broken off
        COUNT(CASE WHEN NOT is_return AND (revenue <> 0 OR customer_id IS NOT NULL) THEN 1 END) AS receipts,
        COUNT(CASE WHEN is_return THEN 1 END) AS return_receipts,
        SUM(CASE WHEN NOT is_return THEN revenue END) AS sale_revenue,
        SUM(CASE WHEN NOT is_return THEN promo_discount END) AS promo_discount
    FROM order_fact
    GROUP BY business_date
),

customers AS (
    SELECT
        business_date,
        SUM(revenue) AS member_revenue,
        SUM(orders) AS orders,
        SUM(buyers) AS buyers,
        SUM(promo_orders) AS promo_orders,
        SUM(member_orders) AS member_receipts,
        SUM(member_sale_revenue) AS member_sale_revenue
    FROM customer_sales_daily
    GROUP BY business_date
)

SELECT
    calendar.business_date,
    CAST(COALESCE(receipt.revenue, 0) AS DECIMAL(38, 2)) AS revenue,
    CAST(COALESCE(customers.member_revenue, 0) AS DECIMAL(38, 2)) AS member_revenue,
    CASE
        WHEN COALESCE(receipt.unknown_margins, 0) = 0
            THEN CAST(COALESCE(receipt.gross_margin, 0) AS DECIMAL(38, 2))
    END AS gross_margin,
    COALESCE(receipt.receipts, 0) AS receipts,
    COALESCE(receipt.return_receipts, 0) AS return_receipts,
    CAST(COALESCE(customers.orders, 0) AS BIGINT) AS orders,
    CAST(COALESCE(customers.buyers, 0) AS BIGINT) AS buyers,
    CAST(customers.member_revenue AS DOUBLE) / NULLIF(customers.orders, 0) AS average_order_value,
    members_daily.members,
    members_daily.new_members,
    members_daily.active_members,
    members_daily.benefit_users,
    CAST(COALESCE(customers.member_receipts, 0) AS DOUBLE) / NULLIF(receipt.receipts, 0) AS participation_rate,
    CAST(COALESCE(customers.member_sale_revenue, 0) AS DOUBLE) / NULLIF(receipt.sale_revenue, 0)
        AS participation_revenue_rate,
    CAST(COALESCE(customers.promo_orders, 0) AS BIGINT) AS promo_orders,
    CAST(COALESCE(receipt.promo_discount, 0) AS DECIMAL(38, 2)) AS promo_discount
FROM calendar
INNER JOIN members_daily ON calendar.business_date = members_daily.business_date
LEFT JOIN receipt ON calendar.business_date = receipt.business_date
LEFT JOIN customers ON calendar.business_date = customers.business_date

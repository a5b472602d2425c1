-- Sales to known customers by day, and by the period in which the day's orders make members active.
-- Grain: business date, the first day in and out of that period (NULL if the orders make nobody active), and the first
-- day from which an order does come within the churn horizon (NULL if one always does).
WITH purchase AS (
    SELECT
        d.business_date,
        d.order_count,
        d.promo_order_count,
        d.net_revenue,
        d.sale_revenue,
        d.business_date >= c.enrolled_date AND COALESCE(d.business_date < c.deleted_date, TRUE) AS is_of_member,
        CASE WHEN d.order_count > 0 AND c.enrolled_date IS NOT NULL THEN GREATEST(d.business_date, c.enrolled_date) END
            AS active_from_date,
        LEAST(d.business_date + n.active_days, d.next_order_date, c.deleted_date) AS active_until_date,
        LEAST(d.business_date + n.active_days, d.next_order_date - n.churn_horizon_days, c.deleted_date)
            AS churned_until_date
    FROM customer_day AS d
    CROSS JOIN night AS n
    LEFT JOIN customer AS c ON d.customer_id = c.customer_id
),

stay AS (
    SELECT
        business_date,
        order_count,
        promo_order_count,
        net_revenue,
        sale_revenue,
        is_of_member,
        CASE WHEN active_from_date < active_until_date THEN active_from_date END AS active_from_date,
        CASE WHEN active_from_date < active_until_date THEN active_until_date END AS active_until_date,
        CASE
            WHEN active_from_date < churned_until_date AND active_from_date < active_until_date
                THEN LEAST(active_until_date, churned_until_date)
        END AS churned_until_date
    FROM purchase
)

SELECT
    business_date,
    active_from_date,
    active_until_date,
    churned_until_date,
    COUNT(CASE WHEN order_count > 0 THEN 1 END) AS buyers,
    CAST(SUM(order_count) AS BIGINT) AS orders,
    CAST(SUM(promo_order_count) AS BIGINT) AS promo_orders,
    CAST(SUM(CASE WHEN is_of_member THEN order_count ELSE 0 END) AS BIGINT) AS member_orders,
    SUM(net_revenue) AS revenue,
    SUM(CASE WHEN is_of_member THEN sale_revenue ELSE 0 END) AS member_sale_revenue
FROM stay
GROUP BY business_date, active_from_date, active_until_date, churned_until_date

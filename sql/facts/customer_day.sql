-- What each customer bought and returned on a day, and when he ordered next.
-- Grain: customer and business date with a receipt.
WITH taken_back AS (  -- of a return that is linked to its sale no more than the sale was
    SELECT
        customer_id,
        business_date,
        SUM(COALESCE(linked_revenue, returned_revenue)) AS revenue
    FROM return_link
    GROUP BY customer_id, business_date
),

daily AS (
    SELECT
        order_fact.customer_id,
        order_fact.business_date,
        COUNT(CASE WHEN NOT is_return THEN 1 END) AS order_count,
        COUNT(CASE WHEN is_return THEN 1 END) AS return_count,
        COUNT(CASE WHEN NOT is_return AND has_promo THEN 1 END) AS promo_order_count,
        COUNT(CASE WHEN NOT is_return AND has_offer THEN 1 END) AS offer_order_count,
        COUNT(CASE WHEN NOT is_return AND sales_channel = 'online' THEN 1 END) AS online_order_count,
        COUNT(CASE WHEN NOT is_return THEN sales_channel END) AS channel_order_count,
        SUM(order_fact.revenue) AS net_revenue,
        SUM(CASE WHEN NOT is_return THEN order_fact.revenue ELSE 0 END) AS sale_revenue,
        GREATEST(
            SUM(CASE WHEN NOT is_return THEN order_fact.revenue ELSE 0 END) - COALESCE(MAX(taken_back.revenue), 0), 0
        ) AS net_spend,
        CASE WHEN COUNT(gross_margin) = COUNT(*) THEN SUM(gross_margin) END AS gross_margin,
        SUM(CASE WHEN NOT is_return THEN discount_amount END) AS discount_amount,
        SUM(CASE WHEN NOT is_return THEN points_spent END) AS points_spent,
        SUM(CASE WHEN NOT is_return THEN points_earned END) AS points_earned,
        MAX(night.run_date) AS landing_date
    FROM order_fact
    CROSS JOIN night
    LEFT JOIN taken_back
        ON order_fact.customer_id = taken_back.customer_id AND order_fact.business_date = taken_back.business_date
    WHERE order_fact.customer_id IS NOT NULL
    GROUP BY order_fact.customer_id, order_fact.business_date
)

SELECT
    customer_id,
    business_date,
    order_count,
    return_count,
    promo_order_count,
    offer_order_count,
    online_order_count,
    channel_order_count,
    net_revenue,
    sale_revenue,
    net_spend,
    gross_margin,
    discount_amount,
    points_spent,
    points_earned,
    CASE
        WHEN order_count > 0
            THEN LEAD(business_date) OVER (PARTITION BY customer_id, order_count > 0 ORDER BY business_date)
    END AS next_order_date,
    landing_date
FROM daily

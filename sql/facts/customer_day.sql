-- What each customer bought and returned on a day, and when they ordered next.
-- Grain: customer and business date with a receipt.
WITH taken_back AS (  -- by the day of the sale, and no more than it brought; by its own day where no sale was found
    SELECT
        customer_id,
        COALESCE(sale_date, business_date) AS business_date,
        SUM(COALESCE(linked_revenue, returned_revenue)) AS revenue
    FROM return_link
    GROUP BY customer_id, COALESCE(sale_date, business_date)
),

daily AS (  -- narrow types, because many rows have to be sorted
    SELECT
        r.customer_id,
        r.business_date,
        CAST(COUNT(CASE WHEN NOT is_return THEN 1 END) AS INTEGER) AS order_count,
        CAST(COUNT(CASE WHEN is_return THEN 1 END) AS INTEGER) AS return_count,
        CAST(COUNT(CASE WHEN NOT is_return AND has_promo THEN 1 END) AS INTEGER) AS promo_order_count,
        CAST(COUNT(CASE WHEN NOT is_return AND has_offer THEN 1 END) AS INTEGER) AS offer_order_count,
        CAST(COUNT(CASE WHEN NOT is_return AND sales_channel = 'online' THEN 1 END) AS INTEGER) AS online_order_count,
        CAST(COUNT(CASE WHEN NOT is_return THEN sales_channel END) AS INTEGER) AS channel_order_count,
        CAST(SUM(r.revenue) AS DECIMAL(18, 2)) AS net_revenue,
        CAST(SUM(CASE WHEN NOT is_return THEN r.revenue ELSE 0 END) AS DECIMAL(18, 2)) AS sale_revenue,
        CAST(SUM(r.promoted_revenue) AS DECIMAL(18, 2)) AS promoted_revenue,
        CAST(MAX(taken_back.revenue) AS DECIMAL(18, 2)) AS taken_back_revenue,
        CAST(CASE WHEN COUNT(gross_margin) = COUNT(*) THEN SUM(gross_margin) END AS DECIMAL(18, 2)) AS gross_margin,
        CAST(SUM(r.uncosted_revenue) AS DECIMAL(18, 2)) AS uncosted_revenue,
        CAST(
            CASE WHEN COUNT(gross_margin) < COUNT(*) THEN SUM(COALESCE(gross_margin, costed_margin)) END
            AS DECIMAL(18, 2)
        ) AS costed_margin,
        CAST(SUM(CASE WHEN NOT is_return THEN discount_amount END) AS DECIMAL(18, 2)) AS discount_amount,
        CAST(SUM(CASE WHEN NOT is_return THEN points_spent END) AS DECIMAL(18, 3)) AS points_spent,
        CAST(SUM(CASE WHEN NOT is_return THEN points_earned END) AS DECIMAL(18, 3)) AS points_earned,
        MAX(r.known_date) AS known_date,
        MAX(night.run_date) AS landing_date
    FROM person_receipt AS r
    CROSS JOIN night
    LEFT JOIN taken_back
        ON r.customer_id = taken_back.customer_id AND r.business_date = taken_back.business_date
    WHERE r.customer_id IS NOT NULL
    GROUP BY r.customer_id, r.business_date
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
    promoted_revenue,
    CASE
        WHEN sale_revenue > 0
            THEN CAST(
                LEAST(GREATEST(CAST(promoted_revenue AS DOUBLE) / NULLIF(sale_revenue, 0), 0), 1) AS DECIMAL(9, 6)
            )
    END AS promoted_share,
    GREATEST(sale_revenue - COALESCE(taken_back_revenue, 0), 0) AS net_spend,
    gross_margin,
    uncosted_revenue,
    costed_margin,
    discount_amount,
    points_spent,
    points_earned,
    CASE
        WHEN order_count > 0
            THEN LEAD(business_date) OVER (PARTITION BY customer_id, order_count > 0 ORDER BY business_date)
    END AS next_order_date,
    known_date,
    landing_date
FROM daily

-- What each customer bought over all history: orders, revenue, margin, shares of offers, returns and channels.
-- Grain: customer with a receipt.
WITH totals AS (
    SELECT
        customer_id,
        MIN(business_date) FILTER (WHERE order_count > 0) AS first_order_date,
        MAX(business_date) FILTER (WHERE order_count > 0) AS last_order_date,
        SUM(order_count) AS order_count,
        MIN(business_date) FILTER (WHERE net_spend > 0) AS first_purchase_date,
        MAX(business_date) FILTER (WHERE net_spend > 0) AS last_purchase_date,
        COUNT(*) FILTER (WHERE net_spend > 0) AS purchase_day_count,
        SUM(net_spend) FILTER (WHERE net_spend > 0) AS purchase_revenue,
        SUM(net_revenue) AS revenue,
        CASE WHEN COUNT(*) = COUNT(gross_margin) THEN SUM(gross_margin) END AS gross_margin,
        SUM(sale_revenue) AS sale_revenue,
        SUM(promoted_revenue) AS promoted_revenue,
        SUM(CAST(sale_revenue AS DECIMAL(38, 2)) * sale_revenue) AS squared_revenue,
        COUNT(promoted_share) AS sale_day_count,
        SUM(promoted_share) AS summed_share,
        SUM(promoted_share * promoted_share) AS squared_share,
        SUM(discount_amount) AS discount_amount,
        SUM(return_count) AS return_count,
        SUM(promo_order_count) AS promo_order_count,
        SUM(offer_order_count) AS offer_order_count,
        SUM(online_order_count) AS online_order_count,
        SUM(channel_order_count) AS channel_order_count
    FROM customer_day
    GROUP BY customer_id
),

best_category AS (
    SELECT
        customer_id,
        MAX(revenue) AS revenue,
        SUM(GREATEST(revenue, 0)) AS categorised_revenue
    FROM customer_category
    GROUP BY customer_id
),

ranked_category AS (
    SELECT
        best.customer_id,
        best.revenue,
        best.categorised_revenue,
        c.category,
        RANK() OVER (
            PARTITION BY best.customer_id
            ORDER BY c.line_count DESC, c.last_order_date DESC, c.category ASC
        ) AS category_rank
    FROM customer_category AS c
    INNER JOIN best_category AS best ON c.customer_id = best.customer_id AND c.revenue = best.revenue
)

SELECT
    totals.customer_id,
    totals.first_order_date,
    totals.last_order_date,
    totals.first_purchase_date,
    totals.last_purchase_date,
    totals.purchase_day_count,
    CASE
        WHEN totals.purchase_day_count > 1
            THEN CAST(totals.purchase_revenue - first_day.net_spend AS DECIMAL(38, 2))
    END AS repeat_revenue,
    CAST(totals.order_count AS BIGINT) AS order_count,
    CAST(totals.return_count AS BIGINT) AS return_count,
    CAST(totals.revenue AS DECIMAL(38, 2)) AS revenue,
    CAST(totals.gross_margin AS DECIMAL(38, 2)) AS gross_margin,
    CAST(totals.sale_revenue AS DECIMAL(38, 2)) AS sale_revenue,
    CAST(totals.promoted_revenue AS DECIMAL(38, 2)) AS promoted_revenue,
    CAST(totals.squared_revenue AS DECIMAL(38, 4)) AS squared_revenue,
    totals.sale_day_count,
    CAST(totals.summed_share AS DECIMAL(38, 6)) AS summed_share,
    CAST(totals.squared_share AS DECIMAL(38, 12)) AS squared_share,
    CAST(totals.discount_amount AS DECIMAL(38, 2)) AS discount_amount,
    CAST(totals.revenue AS DOUBLE) / NULLIF(totals.order_count, 0) AS average_order_value,
    CAST(totals.discount_amount AS DOUBLE) / NULLIF(totals.sale_revenue + totals.discount_amount, 0) AS discount_share,
    CAST(totals.promo_order_count AS DOUBLE) / NULLIF(totals.order_count, 0) AS promo_order_share,
    CAST(totals.offer_order_count AS DOUBLE) / NULLIF(totals.order_count, 0) AS offer_order_share,
    CAST(totals.return_count AS DOUBLE) / NULLIF(totals.order_count + totals.return_count, 0) AS return_share,
    CAST(totals.online_order_count AS DOUBLE) / NULLIF(totals.channel_order_count, 0) AS online_share,
    favourite.category AS favourite_category,
    CAST(GREATEST(favourite.revenue, 0) AS DOUBLE) / NULLIF(favourite.categorised_revenue, 0)
        AS favourite_category_share,
    night.run_date AS landing_date
FROM totals
CROSS JOIN night
LEFT JOIN customer_day AS first_day
    ON totals.customer_id = first_day.customer_id AND totals.first_purchase_date = first_day.business_date
LEFT JOIN ranked_category AS favourite
    ON totals.customer_id = favourite.customer_id AND favourite.category_rank = 1

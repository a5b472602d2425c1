-- New against old customers on eight criteria, of how they ordered in the active window and what is known of them.
-- Grain: criterion, and whether the customers are new. Values describe; new customers are chosen by having just bought.
WITH summed AS (
    SELECT
        is_new,
        COUNT(*) AS customers,
        SUM(known_days) AS known_days,
        SUM(order_day_count) AS order_days,
        SUM(order_count) AS orders,
        SUM(online_order_count) AS online_orders,
        SUM(channel_order_count) AS channel_orders,
        SUM(sale_revenue) AS sale_revenue,
        COUNT(spend_variation) AS steady,
        SUM(spend_variation) AS spend_variation,
        COUNT(favourite_category_share) AS with_favourite,
        SUM(favourite_category_share) AS favourite_category_share,
        COUNT(category_count) AS with_category,
        SUM(category_count) AS categories,
        COUNT(CASE WHEN channel_order_count > 0 THEN 1 END) AS with_channel,
        COUNT(CASE WHEN delivered_count > 0 THEN 1 END) AS reached,
        SUM(delivered_count) AS delivered,
        SUM(opened_count) AS opened,
        COUNT(CASE WHEN order_day_count > 1 THEN 1 END) AS repeaters
    FROM customer_criterion
    GROUP BY is_new
),

criterion_of AS (
    SELECT
        s.*,
        k.criterion
    FROM summed AS s
    CROSS JOIN (
        VALUES
        ('activity'), ('average_receipt'), ('channels'), ('cross_category'),
        ('profile'), ('repeat_purchases'), ('response'), ('stability')
    ) AS k (criterion)
)

SELECT
    criterion,
    is_new,
    CASE criterion
        WHEN 'stability' THEN steady
        WHEN 'profile' THEN with_favourite
        WHEN 'channels' THEN with_channel
        WHEN 'response' THEN reached
        WHEN 'cross_category' THEN with_category
        ELSE customers
    END AS customers,
    CASE criterion
        WHEN 'activity' THEN CAST(30 * order_days AS DOUBLE) / NULLIF(known_days, 0)
        WHEN 'stability' THEN CAST(spend_variation AS DOUBLE) / NULLIF(steady, 0)
        WHEN 'profile' THEN CAST(favourite_category_share AS DOUBLE) / NULLIF(with_favourite, 0)
        WHEN 'channels' THEN CAST(online_orders AS DOUBLE) / NULLIF(channel_orders, 0)
        WHEN 'response' THEN CAST(opened AS DOUBLE) / NULLIF(delivered, 0)
        WHEN 'repeat_purchases' THEN CAST(repeaters AS DOUBLE) / NULLIF(customers, 0)
        WHEN 'average_receipt' THEN CAST(sale_revenue AS DOUBLE) / NULLIF(orders, 0)
        WHEN 'cross_category' THEN CAST(categories AS DOUBLE) / NULLIF(with_category, 0)
    END AS criterion_value
FROM criterion_of

-- What new and old customers are compared by: how each ordered within the active window, and what is known of them.
-- Grain: active customer; service accounts, and those of whom nobody knows whether they are new, are left out.
WITH recent AS (
    SELECT
        d.customer_id,
        n.run_date,
        n.active_days,
        COUNT(*) AS order_day_count,
        SUM(d.order_count) AS order_count,
        SUM(d.online_order_count) AS online_order_count,
        SUM(d.channel_order_count) AS channel_order_count,
        SUM(d.sale_revenue) AS sale_revenue,
        SUM(CAST(d.sale_revenue AS DECIMAL(38, 2)) * d.sale_revenue) AS squared_revenue
    FROM customer_day AS d
    INNER JOIN night AS n ON DATE_DIFF('day', d.business_date, n.run_date) < n.active_days
    WHERE d.order_count > 0
    GROUP BY d.customer_id, n.run_date, n.active_days
),

category AS (
    SELECT
        customer_id,
        COUNT(*) AS category_count
    FROM customer_category
    WHERE line_count > 0
    GROUP BY customer_id
),

reached AS (
    SELECT
        customer_id,
        SUM(delivered_count) AS delivered_count,
        SUM(opened_count) AS opened_count
    FROM contact_response
    GROUP BY customer_id
)

SELECT
    r.customer_id,
    DATE_DIFF('day', p.first_order_date, r.run_date) < r.active_days AS is_new,
    LEAST(DATE_DIFF('day', p.first_order_date, r.run_date) + 1, r.active_days) AS known_days,
    r.order_day_count,
    CAST(r.order_count AS BIGINT) AS order_count,
    CAST(r.online_order_count AS BIGINT) AS online_order_count,
    CAST(r.channel_order_count AS BIGINT) AS channel_order_count,
    CAST(r.sale_revenue AS DECIMAL(18, 2)) AS sale_revenue,
    CASE
        WHEN r.order_day_count >= 3
            THEN CAST(
                SQRT(
                    GREATEST(
                        CAST(r.order_day_count * CAST(r.squared_revenue AS DOUBLE) AS DOUBLE)
                        / NULLIF(CAST(r.sale_revenue AS DOUBLE) * CAST(r.sale_revenue AS DOUBLE), 0) - 1, 0
                    )
                ) AS DECIMAL(18, 6)
            )
    END AS spend_variation,
    CAST(t.favourite_category_share AS DECIMAL(18, 6)) AS favourite_category_share,
    c.category_count,
    CAST(m.delivered_count AS BIGINT) AS delivered_count,
    CAST(m.opened_count AS BIGINT) AS opened_count
FROM recent AS r
INNER JOIN customer_purchase_pattern AS p ON r.customer_id = p.customer_id
INNER JOIN customer_totals AS t ON r.customer_id = t.customer_id
LEFT JOIN category AS c ON r.customer_id = c.customer_id
LEFT JOIN reached AS m ON r.customer_id = m.customer_id
LEFT JOIN service_account AS s ON r.customer_id = s.customer_id
WHERE
    s.customer_id IS NULL
    AND NOT (p.is_left_censored AND DATE_DIFF('day', p.first_order_date, r.run_date) < r.active_days)

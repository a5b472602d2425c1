-- Features of each customer as of a cut-off, and the outcomes after it: for churn and spend growth.
-- Grain: customer and as_of_date (tonight, or a cut-off of a fit), with an order in the 365 days before it.
WITH known AS (  -- only days dated up to the cut-off that had landed by then, less the returns known by then
    SELECT
        d.*,
        a.as_of_date,
        a.label_to_date,
        GREATEST(d.sale_revenue - COALESCE(t.revenue, 0), 0) AS spend,
        DATE_DIFF('day', d.business_date, a.as_of_date) AS days_ago,
        DATE_DIFF('day', a.label_from_date, a.label_to_date) + 1 AS horizon
    FROM customer_day AS d
    INNER JOIN cut_off AS a ON d.business_date <= a.as_of_date AND d.known_date <= a.known_by_date
    LEFT JOIN taken_back AS t
        ON d.customer_id = t.customer_id AND d.business_date = t.business_date AND a.as_of_date = t.as_of_date
),

feature AS (
    SELECT
        customer_id,
        as_of_date,
        label_to_date,
        MIN(CASE WHEN order_count > 0 THEN days_ago END) AS days_since_last_order,
        MAX(CASE WHEN order_count > 0 THEN days_ago END) AS days_since_first_order,
        COUNT(CASE WHEN order_count > 0 THEN 1 END) AS order_day_count,
        COUNT(CASE WHEN order_count > 0 AND days_ago < 365 THEN 1 END) AS order_day_count_365d,
        SUM(order_count) AS order_count,
        SUM(CASE WHEN days_ago < 30 THEN order_count ELSE 0 END) AS order_count_30d,
        SUM(CASE WHEN days_ago < 90 THEN order_count ELSE 0 END) AS order_count_90d,
        SUM(CASE WHEN days_ago < 180 THEN order_count ELSE 0 END) AS order_count_180d,
        SUM(CASE WHEN days_ago < 90 THEN net_revenue ELSE 0 END) AS revenue_90d,
        SUM(CASE WHEN days_ago < 365 THEN net_revenue ELSE 0 END) AS revenue_365d,
        SUM(CASE WHEN days_ago < 90 THEN spend ELSE 0 END) AS spend_90d,
        SUM(CASE WHEN days_ago < 365 THEN spend ELSE 0 END) AS spend_365d,
        SUM(CASE WHEN days_ago < horizon THEN spend ELSE 0 END) AS spend_last,
        SUM(CASE WHEN days_ago BETWEEN horizon AND 2 * horizon - 1 THEN spend ELSE 0 END) AS spend_before,
        SUM(sale_revenue) AS sale_revenue,
        SUM(promo_order_count) AS promo_order_count,
        SUM(online_order_count) AS online_order_count,
        SUM(channel_order_count) AS channel_order_count,
        SUM(return_count) AS return_count
    FROM known
    GROUP BY customer_id, as_of_date, label_to_date
)

SELECT
    f.customer_id,
    f.as_of_date,
    f.days_since_last_order < n.active_days AS is_active,
    CASE WHEN f.label_to_date <= n.run_date THEN COALESCE(c.order_count, 0) = 0 END AS has_churned,
    f.days_since_last_order,
    f.days_since_first_order,
    f.order_day_count,
    f.order_day_count_365d,
    CAST(f.order_count AS BIGINT) AS order_count,
    CAST(f.order_count_30d AS BIGINT) AS order_count_30d,
    CAST(f.order_count_90d AS BIGINT) AS order_count_90d,
    CAST(f.order_count_180d AS BIGINT) AS order_count_180d,
    CAST(f.revenue_90d AS DOUBLE) AS revenue_90d,
    CAST(f.revenue_365d AS DOUBLE) AS revenue_365d,
    CAST(f.spend_90d AS DOUBLE) AS spend_90d,
    CAST(f.spend_365d AS DOUBLE) AS spend_365d,
    CAST(f.spend_last AS DOUBLE) AS spend_last,
    CAST(f.spend_before AS DOUBLE) AS spend_before,
    CASE WHEN f.label_to_date <= n.run_date THEN CAST(COALESCE(c.spend_next, 0) AS DOUBLE) END AS spend_next,
    CASE WHEN f.label_to_date <= n.run_date THEN CAST(COALESCE(c.spend_last, 0) AS DOUBLE) END AS spend_last_complete,
    CAST(f.sale_revenue AS DOUBLE) / NULLIF(CAST(f.order_count AS DOUBLE), 0) AS average_order_value,
    CAST(f.days_since_first_order - f.days_since_last_order AS DOUBLE) / NULLIF(f.order_day_count - 1, 0)
        AS mean_days_between_orders,
    CAST(f.days_since_last_order AS DOUBLE) * (f.order_day_count - 1)
    / NULLIF(f.days_since_first_order - f.days_since_last_order, 0) AS recency_ratio,
    CAST(f.online_order_count AS DOUBLE) / NULLIF(CAST(f.channel_order_count AS DOUBLE), 0) AS online_share,
    CAST(f.promo_order_count AS DOUBLE) / NULLIF(CAST(f.order_count AS DOUBLE), 0) AS promo_order_share,
    CAST(f.return_count AS BIGINT) AS return_count
FROM feature AS f
CROSS JOIN night AS n
LEFT JOIN customer_outcome AS c ON f.customer_id = c.customer_id AND f.as_of_date = c.as_of_date
WHERE f.days_since_last_order < 365

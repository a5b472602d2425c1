-- What each new customer bought in the 90 and 180 days after their first order; who may be older is left out.
-- Grain: customer and window.
WITH first_receipt AS (  -- a customer once, also if two first receipts have the very same moment
    SELECT
        f.customer_id,
        MAX(CASE WHEN o.has_promo THEN 1 ELSE 0 END) = 1 AS has_promo
    FROM first_order AS f
    INNER JOIN order_fact AS o ON f.receipt_id = o.receipt_id
    WHERE NOT f.is_left_censored
    GROUP BY f.customer_id
)

SELECT
    f.customer_id,
    w.window_days,
    CAST(DATE_TRUNC('month', s.first_order_date) AS DATE) AS business_month,
    f.has_promo,
    s.first_order_date + w.window_days <= n.run_date AS is_over,
    CASE WHEN w.window_days = 90 THEN s.order_count_90d ELSE s.order_count_180d END AS order_count,
    CASE WHEN w.window_days = 90 THEN s.revenue_90d ELSE s.revenue_180d END AS revenue,
    CASE WHEN w.window_days = 90 THEN s.gross_margin_90d ELSE s.gross_margin_180d END AS gross_margin
FROM first_receipt AS f
INNER JOIN customer_start AS s ON f.customer_id = s.customer_id
CROSS JOIN night AS n
CROSS JOIN (VALUES (90), (180)) AS w (window_days)

-- What customers are compared by: time since the first order, days with an order, and region.
-- Grain: customer with an order in the last year.
SELECT
    f.customer_id,
    c.region,
    CASE
        WHEN f.days_since_first_order < 90 THEN 'under 90 days'
        WHEN f.days_since_first_order < 365 THEN '90 to 364 days'
        ELSE 'a year or more'
    END AS tenure_band,
    CASE
        WHEN f.order_day_count_365d = 1 THEN '1'
        WHEN f.order_day_count_365d < 4 THEN '2 to 3'
        WHEN f.order_day_count_365d < 8 THEN '4 to 7'
        WHEN f.order_day_count_365d < 16 THEN '8 to 15'
        WHEN f.order_day_count_365d < 32 THEN '16 to 31'
        ELSE '32 or more'
    END AS order_band,
    CAST(f.revenue_365d AS DECIMAL(38, 2)) AS revenue_365d,
    CAST(f.spend_last AS DECIMAL(38, 2)) AS spend_last
FROM customer_features AS f
LEFT JOIN customer AS c ON f.customer_id = c.customer_id

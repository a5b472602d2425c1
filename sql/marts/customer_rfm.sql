-- RFM over all history: a score is 1 + floor(5 x share of customers strictly worse), so equal values share it.
-- Grain: customer with an order.
WITH ranked AS (
    SELECT
        customer_totals.customer_id,
        DATE_DIFF('day', customer_totals.last_order_date, night.run_date) AS days_since_last_order,
        customer_totals.order_count,
        customer_totals.revenue,
        COUNT(*) OVER () AS customers,
        RANK() OVER (ORDER BY customer_totals.last_order_date) - 1 AS less_recent_customers,
        RANK() OVER (ORDER BY customer_totals.order_count) - 1 AS less_frequent_customers,
        RANK() OVER (ORDER BY customer_totals.revenue) - 1 AS lower_revenue_customers
    FROM customer_totals
    CROSS JOIN night
    WHERE customer_totals.order_count > 0
),

scored AS (
    SELECT
        customer_id,
        days_since_last_order,
        order_count,
        revenue,
        CAST(1 + FLOOR(CAST(5 * less_recent_customers AS DOUBLE) / NULLIF(customers, 0)) AS INTEGER) AS recency_score,
        CAST(1 + FLOOR(CAST(5 * less_frequent_customers AS DOUBLE) / NULLIF(customers, 0)) AS INTEGER)
            AS frequency_score,
        CAST(1 + FLOOR(CAST(5 * lower_revenue_customers AS DOUBLE) / NULLIF(customers, 0)) AS INTEGER)
            AS monetary_score
    FROM ranked
)

-- The segment depends on recency and on the mean of frequency and monetary score, rounded half up (a sum of 9 is a mean
-- of 5, 7 of 4, 5 of 3, 3 of 2). The first condition that holds decides; every combination has exactly one segment:
--   recency | mean 5     | 4         | 3                  | 2                  | 1
--   5       | champions  | champions | potential_loyalist | potential_loyalist | new
--   4       | loyal      | loyal     | potential_loyalist | potential_loyalist | promising
--   3       | loyal      | loyal     | need_attention     | about_to_sleep     | about_to_sleep
--   2       | cant_lose  | at_risk   | at_risk            | hibernating        | hibernating
--   1       | cant_lose  | at_risk   | at_risk            | lost               | lost
SELECT
    customer_id,
    days_since_last_order,
    order_count,
    revenue,
    recency_score,
    frequency_score,
    monetary_score,
    CASE
        WHEN recency_score = 5 AND frequency_score + monetary_score >= 7 THEN 'champions'
        WHEN recency_score >= 3 AND frequency_score + monetary_score >= 7 THEN 'loyal'
        WHEN recency_score >= 4 AND frequency_score + monetary_score >= 3 THEN 'potential_loyalist'
        WHEN recency_score = 5 THEN 'new'
        WHEN recency_score = 4 THEN 'promising'
        WHEN recency_score = 3 AND frequency_score + monetary_score >= 5 THEN 'need_attention'
        WHEN recency_score = 3 THEN 'about_to_sleep'
        WHEN frequency_score + monetary_score >= 9 THEN 'cant_lose'
        WHEN frequency_score + monetary_score >= 5 THEN 'at_risk'
        WHEN recency_score = 2 THEN 'hibernating'
        ELSE 'lost'
    END AS rfm_segment
FROM scored

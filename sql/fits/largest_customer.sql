-- The ten customers who have spent most after their first purchase day: money is forecast for each of them apart.
-- Grain: customer; no service account. Of equal ones the first by their ids; each rank is taken once.
WITH ranked AS (
    SELECT
        p.customer_id,
        p.frequency,
        p.recency_days,
        p.age_days,
        p.repeat_revenue,
        RANK() OVER (ORDER BY p.repeat_revenue DESC, p.customer_id ASC) AS revenue_rank
    FROM customer_purchase_pattern AS p
    LEFT JOIN service_account AS s ON p.customer_id = s.customer_id
    WHERE p.repeat_revenue > 0 AND s.customer_id IS NULL
)

SELECT
    customer_id,
    frequency,
    recency_days,
    age_days,
    repeat_revenue
FROM ranked
WHERE revenue_rank <= 10
ORDER BY revenue_rank

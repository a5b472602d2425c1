-- Stays of each customer in the stages of the lifecycle up to tonight.
-- Grain: customer and from_date. Who may be older than the data is not called new.
SELECT
    s.customer_id,
    CASE WHEN s.lifecycle_stage = 'new' AND p.is_left_censored THEN 'active' ELSE s.lifecycle_stage END
        AS lifecycle_stage,
    s.from_date,
    CASE WHEN s.until_date <= n.run_date THEN s.until_date END AS until_date
FROM lifecycle_stay AS s
INNER JOIN night AS n ON s.from_date <= n.run_date
LEFT JOIN customer_purchase_pattern AS p ON s.customer_id = p.customer_id

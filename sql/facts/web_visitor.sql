-- When each customer of the source (before merges) last came to the site or the app, over all history.
-- Grain: customer with a web event.
SELECT
    v.customer_id,
    MAX(v.occurred_date) AS last_visit_date,
    MAX(n.run_date) AS landing_date
FROM web_visit AS v
CROSS JOIN night AS n
WHERE v.customer_id IS NOT NULL
GROUP BY v.customer_id

-- High churn risk: still active, but with a probability of 60 % or more to buy nothing in the churn horizon (90 days by
-- default). To keep, before they stop; who has long gone is in lost_customers. Nobody while the forecast has no skill.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND is_active
    AND churn_tier = 'high'

-- Evidence that two joinable accounts or more have, and how many of them.
-- Grain: rule, evidence and joinable account.
WITH counted AS (
    SELECT
        e.rule,
        e.evidence,
        e.customer_id,
        COUNT(*) OVER (PARTITION BY e.rule, e.evidence) AS customer_count
    FROM evidence AS e
    INNER JOIN joinable_account AS j ON e.customer_id = j.customer_id
)

SELECT
    rule,
    evidence,
    customer_id,
    customer_count
FROM counted
WHERE customer_count > 1

-- Accounts with evidence that may be joined: persons whom the CRM keeps, neither deleted nor merged by it.
-- Grain: account of the CRM.
SELECT
    c.customer_id,
    c.registered_at,
    c.gender,
    c.birth_date
FROM crm_customers AS c
CROSS JOIN night AS n
WHERE
    COALESCE(c.registered_date <= n.run_date, TRUE)
    AND COALESCE(c.deleted_date > n.run_date, TRUE)
    AND COALESCE(c.customer_type, 'person') = 'person'
    AND COALESCE(c.merged_into_customer_id = c.customer_id, TRUE)
    AND c.customer_id IN (SELECT customer_id FROM evidence)

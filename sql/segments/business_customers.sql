-- Business customers: companies by the CRM, not persons.
-- For account managers and business terms.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND customer_type = 'business'

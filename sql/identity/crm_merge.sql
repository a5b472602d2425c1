-- Accounts that the CRM itself has merged into another.
-- Grain: account of the CRM.
SELECT
    customer_id,
    merged_into_customer_id
FROM crm_customers
WHERE merged_into_customer_id <> customer_id

-- The normal addresses of each account, read once for all that compares them.
-- Grain: account of the CRM.
SELECT
    customer_id,
    email_normal,
    phone_normal
FROM crm_customers_personal

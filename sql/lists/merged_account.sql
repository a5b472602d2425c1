-- Accounts of persons who have several, and the person; persons themselves are among the accounts.
-- Grain: account.
SELECT
    source_customer_id AS account_id,
    customer_id AS person_id
FROM customer_identity
UNION
SELECT
    customer_id AS account_id,
    customer_id AS person_id
FROM customer_identity

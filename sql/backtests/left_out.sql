-- Who is not in the backtest of a published night: service accounts, and accounts that were joined into one since then.
-- Grain: customer_id.
WITH joined AS (
    SELECT
        source_customer_id,
        customer_id
    FROM customer_identity
    EXCEPT
    SELECT
        source_customer_id,
        customer_id
    FROM identity_at_origin
)

SELECT customer_id FROM service_account
UNION
SELECT customer_id FROM joined
UNION
SELECT source_customer_id AS customer_id FROM joined

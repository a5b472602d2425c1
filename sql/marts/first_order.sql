-- The receipt that each customer's history of orders begins with; is_left_censored: it may have begun before the data.
-- Grain: receipt (one a customer, unless two were issued at the very same moment).
WITH beginning AS (
    SELECT
        customer_id,
        MIN(issued_at) AS issued_at
    FROM order_fact
    WHERE NOT is_return AND customer_id IS NOT NULL
    GROUP BY customer_id
)

SELECT
    order_fact.receipt_id,
    order_fact.customer_id,
    order_fact.business_date,
    customer_purchase_pattern.is_left_censored
FROM order_fact
INNER JOIN beginning
    ON order_fact.customer_id = beginning.customer_id AND order_fact.issued_at = beginning.issued_at
INNER JOIN customer_purchase_pattern ON order_fact.customer_id = customer_purchase_pattern.customer_id
WHERE NOT order_fact.is_return

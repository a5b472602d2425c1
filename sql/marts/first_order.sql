-- The receipt with which each customer's order history begins. is_left_censored: earlier orders may be missing.
-- Grain: receipt (one a customer, unless two were issued at the very same moment).
WITH first_day AS (
    SELECT
        order_fact.receipt_id,
        order_fact.customer_id,
        order_fact.business_date,
        customer_purchase_pattern.is_left_censored,
        RANK() OVER (PARTITION BY order_fact.customer_id ORDER BY order_fact.issued_at) AS order_rank
    FROM customer_purchase_pattern
    INNER JOIN order_fact
        ON
            customer_purchase_pattern.customer_id = order_fact.customer_id
            AND customer_purchase_pattern.first_order_date = order_fact.business_date
    WHERE NOT order_fact.is_return
)

SELECT
    receipt_id,
    customer_id,
    business_date,
    is_left_censored
FROM first_day
WHERE order_rank = 1

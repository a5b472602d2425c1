-- Big basket: the fifth of customers with the highest average order value; equal values are all in or all out.
-- For premium goods and thresholds above the usual.
WITH ranked AS (
    SELECT
        customer_id,
        RANK() OVER (ORDER BY average_order_value) - 1 AS customers_below,
        COUNT(*) OVER () AS customers
    FROM customer_360
    WHERE NOT is_deleted AND average_order_value IS NOT NULL
)

SELECT customer_id
FROM ranked
WHERE 5 * customers_below >= 4 * customers

-- The groups that customers of a backtest were in at the origin.
-- Grain: customer_id; with an order by then, and not left out.
SELECT
    p.customer_id,
    CAST(YEAR(p.first_order_date) AS VARCHAR) || '-Q' || CAST(QUARTER(p.first_order_date) AS VARCHAR)
        AS first_order_quarter,
    r.rfm_segment
FROM customer_purchase_pattern AS p
LEFT JOIN customer_rfm AS r ON p.customer_id = r.customer_id
LEFT JOIN left_out AS l ON p.customer_id = l.customer_id
WHERE l.customer_id IS NULL

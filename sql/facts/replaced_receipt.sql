-- Receipts that later extracts sent again, with the first night of each customer that they had.
-- Grain: receipt and customer (before merges; NULL if it was anonymous).
SELECT
    receipt_id,
    customer_id,
    MIN(landing_date) AS first_landing_date
FROM replaced.receipts
GROUP BY receipt_id, customer_id

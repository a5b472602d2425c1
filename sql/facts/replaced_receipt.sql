-- Receipts that later extracts sent again, by the customer they then had, with the night that first had them so.
-- Grain: receipt and customer (before merges; NULL if it was anonymous).
SELECT
    receipt_id,
    customer_id,
    MIN(landing_date) AS first_landing_date
FROM replaced.receipts
GROUP BY receipt_id, customer_id

-- Lines of sales and returns, each with the person behind its customer (after merges).
-- Grain: receipt line.
SELECT
    f.receipt_id,
    f.line_number,
    COALESCE(i.customer_id, f.customer_id) AS customer_id,
    f.business_date,
    f.sales_channel,
    f.is_return,
    f.product_id,
    f.quantity,
    f.revenue,
    f.discount_amount,
    f.cost_amount,
    f.promotion_id
FROM receipt_line_fact AS f
LEFT JOIN customer_identity AS i ON f.customer_id = i.source_customer_id

-- Lines of sales and returns with their receipt's day, sign and person (after merges) and their product's category.
-- Grain: receipt line (of receipts dated up to tonight; one without its receipt waits). Gift cards are no revenue.
WITH line AS (  -- a cost takes the sign of its line's amount (free goods' of the quantity), as in line_total
    SELECT
        l.receipt_id,
        l.line_number,
        l.product_id,
        l.quantity,
        CASE WHEN g.product_id IS NULL THEN l.amount ELSE 0 END AS revenue,
        l.discount_amount,
        CASE
            WHEN g.product_id IS NOT NULL THEN 0
            WHEN l.amount < 0 OR (l.amount = 0 AND l.quantity < 0) THEN -ABS(l.cost_amount)
            WHEN l.amount = 0 AND l.quantity = 0 THEN l.cost_amount
            ELSE ABS(l.cost_amount)
        END AS cost_amount,
        l.amount = 0 AND l.quantity > 0 AS is_free,
        l.promotion_id
    FROM receipt_lines AS l
    LEFT JOIN gift_card_product AS g ON l.product_id = g.product_id
)

SELECT
    l.receipt_id,
    l.line_number,
    COALESCE(i.customer_id, f.customer_id) AS customer_id,
    f.business_date,
    f.sales_channel,
    f.is_return,
    l.product_id,
    p.category,
    p.department,
    p.brand,
    CAST(CASE WHEN f.has_turned_lines THEN -l.quantity ELSE l.quantity END AS DECIMAL(18, 3)) AS quantity,
    CAST(CASE WHEN f.has_turned_lines THEN -l.revenue ELSE l.revenue END AS DECIMAL(18, 2)) AS revenue,
    l.discount_amount,
    CAST(
        CASE
            WHEN f.has_turned_lines OR (f.has_returned_free_lines AND l.is_free) THEN -l.cost_amount ELSE l.cost_amount
        END AS DECIMAL(18, 2)
    ) AS cost_amount,
    l.promotion_id
FROM line AS l
INNER JOIN receipt_fact AS f ON l.receipt_id = f.receipt_id
LEFT JOIN customer_identity AS i ON f.customer_id = i.source_customer_id
LEFT JOIN products AS p ON l.product_id = p.product_id

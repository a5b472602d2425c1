-- Products on sale as of tonight, to be joined to order_line by product_id.
-- Grain: product.
SELECT
    p.product_id,
    p.name,
    p.category,
    p.department,
    p.brand,
    p.unit_cost,
    p.stock_quantity,
    g.product_id IS NOT NULL AS is_gift_card
FROM products AS p
LEFT JOIN gift_card_product AS g ON p.product_id = g.product_id

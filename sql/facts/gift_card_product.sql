-- Products that are gift cards: those of the categories that the settings name.
-- Grain: product.
SELECT p.product_id
FROM products AS p
INNER JOIN gift_card_category AS c ON p.category = c.category

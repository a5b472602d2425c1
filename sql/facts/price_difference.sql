-- Prices of a product that are not its usual one of the day in that channel and format of store, before any offer.
-- Grain: product, day, channel, format of store and unit price that differs.
WITH price AS (  -- under 5 cents a unit (fuel by millilitres, a nominal price) rounding decides
    SELECT
        product_id,
        business_date,
        store_format,
        sales_channel,
        CAST(CAST(regular_amount AS DOUBLE) / NULLIF(quantity, 0) AS DECIMAL(18, 2)) AS unit_price,
        COUNT(*) AS line_count,
        CAST(SUM(quantity) AS DECIMAL(18, 3)) AS quantity,
        MIN(quantity) AS least_quantity,
        SUM(regular_amount) AS regular_amount,
        MIN(receipt_id) AS receipt_id
    FROM priced_line
    WHERE amount > 0 AND quantity > 0 AND regular_amount >= 0.05 * quantity
    GROUP BY
        product_id, business_date, store_format, sales_channel,
        CAST(CAST(regular_amount AS DOUBLE) / NULLIF(quantity, 0) AS DECIMAL(18, 2))
),

ranked AS (
    SELECT
        *,
        SUM(line_count) OVER (PARTITION BY product_id, business_date, store_format, sales_channel) AS all_lines,
        RANK() OVER (
            PARTITION BY product_id, business_date, store_format, sales_channel
            ORDER BY line_count DESC, unit_price DESC
        ) AS price_rank
    FROM price
)

-- Usual is the price of most lines, of equals the higher. What rounding of amounts to cents explains does not differ.
SELECT
    p.product_id,
    p.business_date,
    p.store_format,
    p.sales_channel,
    p.unit_price,
    u.unit_price AS usual_price,
    CASE WHEN p.all_lines >= 5 AND 10 * u.line_count >= 8 * p.all_lines THEN 'two_prices' ELSE 'prices_vary' END
        AS finding,
    p.line_count,
    CAST(GREATEST(u.unit_price * p.quantity - p.regular_amount, 0) AS DECIMAL(18, 2)) AS lost_amount,
    CAST(GREATEST(p.regular_amount - u.unit_price * p.quantity, 0) AS DECIMAL(18, 2)) AS overcharged_amount,
    p.receipt_id
FROM ranked AS p
INNER JOIN ranked AS u
    ON
        p.product_id = u.product_id
        AND p.business_date = u.business_date
        AND p.store_format IS NOT DISTINCT FROM u.store_format
        AND p.sales_channel IS NOT DISTINCT FROM u.sales_channel
        AND u.price_rank = 1
WHERE (ABS(p.unit_price - u.unit_price) - 0.01) * LEAST(p.least_quantity, u.least_quantity) > 0.01

-- Sums of each receipt's lines, signed as the till writes them, and what they tell of how it writes.
-- Grain: receipt with a line.
WITH line AS (
    SELECT
        receipt_id,
        product_id,
        quantity,
        amount,
        tax_amount,
        cost_amount,
        promotion_id,
        original_line_number,
        -- A cost or tax takes the sign of its line's amount, or of free goods' quantity, whatever sign the till writes.
        CASE WHEN amount <> 0 THEN amount < 0 WHEN quantity <> 0 THEN quantity < 0 ELSE cost_amount < 0 END
            AS is_negative,
        -- A discount, a rounding, a text. Other lines without a product are goods or services, whose cost is asked for.
        product_id IS NULL AND cost_amount IS NULL AND original_line_number IS NULL AS may_need_no_cost
    FROM receipt_lines
),

summed AS (
    SELECT
        receipt_id,
        COUNT(*) AS line_count,
        COUNT(promotion_id) AS offer_line_count,
        COUNT(product_id) AS product_count,
        COUNT(cost_amount) AS cost_count,
        COUNT(tax_amount) AS tax_count,
        COUNT(CASE WHEN is_negative THEN 1 END) AS negative_line_count,
        COUNT(NULLIF(amount, 0)) AS priced_line_count,
        COUNT(CASE WHEN amount < 0 AND quantity > 0 THEN 1 END) AS unsigned_quantity_count,
        SUM(amount) AS amount,
        SUM(quantity) AS quantity,
        SUM(CASE WHEN amount > 0 THEN amount END) AS sold_amount,
        SUM(CASE WHEN promotion_id IS NOT NULL THEN amount END) AS offer_amount,
        SUM(CASE WHEN product_id IS NOT NULL OR amount > 0 THEN ABS(amount) END) AS goods_amount,
        SUM(CASE WHEN cost_amount IS NULL AND (product_id IS NOT NULL OR amount > 0) THEN ABS(amount) END)
            AS uncosted_amount,
        SUM(CASE WHEN original_line_number IS NOT NULL THEN amount ELSE 0 END) AS returned_amount,
        SUM(CASE WHEN is_negative THEN -ABS(cost_amount) ELSE ABS(cost_amount) END) AS cost_amount,
        SUM(CASE WHEN amount = 0 AND quantity > 0 THEN ABS(cost_amount) END) AS free_cost_amount,
        SUM(CASE WHEN is_negative THEN -ABS(tax_amount) ELSE ABS(tax_amount) END) AS tax_amount,
        COUNT(CASE WHEN may_need_no_cost AND quantity = 0 THEN 1 END) AS no_quantity_count,
        COUNT(CASE WHEN may_need_no_cost AND amount < 0 AND quantity > 0 THEN 1 END) AS discount_count,
        COUNT(CASE WHEN may_need_no_cost AND amount < 0 AND quantity < 0 THEN 1 END) AS negative_discount_count,
        COUNT(CASE WHEN may_need_no_cost AND amount > 0 AND quantity < 0 THEN 1 END) AS returned_discount_count
    FROM line
    GROUP BY receipt_id
)

SELECT
    receipt_id,
    line_count,
    offer_line_count,
    line_count - cost_count - CASE
        WHEN product_count + cost_count = 0 THEN 0
        WHEN amount > 0 AND product_count > 0 THEN no_quantity_count + discount_count + negative_discount_count
        WHEN amount > 0 OR (amount = 0 AND product_count > 0) THEN no_quantity_count + discount_count
        WHEN amount < 0 THEN no_quantity_count + returned_discount_count
        ELSE no_quantity_count
    END AS without_cost_count,
    CAST(CAST(uncosted_amount AS DOUBLE) / NULLIF(goods_amount, 0) AS DECIMAL(9, 6)) AS uncosted_share,
    negative_line_count > 0 AND negative_line_count < line_count AS is_mixed,
    unsigned_quantity_count > 0 AND amount < 0 AS has_unsigned_quantities,
    CAST(amount AS DECIMAL(38, 2)) AS amount,
    CAST(COALESCE(sold_amount, 0) AS DECIMAL(18, 2)) AS sold_amount,
    CAST(COALESCE(offer_amount, 0) AS DECIMAL(18, 2)) AS offer_amount,
    CAST(quantity AS DECIMAL(38, 3)) AS quantity,
    CASE
        WHEN amount <> 0 THEN CAST(amount AS DECIMAL(38, 3))
        WHEN returned_amount <> 0 THEN CAST(returned_amount AS DECIMAL(38, 3))
        WHEN priced_line_count = 0 THEN CAST(quantity AS DECIMAL(38, 3))
        ELSE CAST(0 AS DECIMAL(38, 3))
    END AS direction,
    CAST(cost_amount AS DECIMAL(18, 2)) AS cost_amount,
    CAST(free_cost_amount AS DECIMAL(18, 2)) AS free_cost_amount,
    CAST(tax_amount AS DECIMAL(18, 2)) AS tax_amount,
    tax_count = line_count AS is_tax_known
FROM summed

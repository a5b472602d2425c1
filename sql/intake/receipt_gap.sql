-- Receipts whose lines do not add up to the total whatever is considered, and why that may be, without signs.
-- Grain: receipt of receipt_difference that is more than a cent off. A gap above 0 is money that no line has.
WITH line_sum AS (
    SELECT
        receipt_id,
        COUNT(*) AS line_count,
        ABS(SUM(amount)) AS amount,
        SUM(ABS(amount)) AS unsigned_amount,
        ABS(SUM(CASE WHEN quantity < 0 THEN -ABS(amount) ELSE amount END)) AS by_quantity_amount,
        ABS(SUM(CAST(amount * quantity AS DECIMAL(38, 2)))) AS priced_amount
    FROM compared_line
    GROUP BY receipt_id
),

compared AS (
    SELECT
        d.receipt_id,
        s.line_count,
        s.amount,
        s.unsigned_amount,
        s.by_quantity_amount,
        s.priced_amount,
        ABS(r.total_amount) AS total
    FROM receipt_difference AS d
    INNER JOIN tonights_receipt AS r ON d.receipt_id = r.receipt_id
    INNER JOIN line_sum AS s ON d.receipt_id = s.receipt_id
    WHERE d.difference > 0.01
)

SELECT
    receipt_id,
    CAST(total AS DECIMAL(38, 2)) AS total_amount,
    CAST(amount AS DECIMAL(38, 2)) AS line_amount,
    CAST(total - amount AS DECIMAL(38, 2)) AS gap,
    ROUND(100 * CAST(total - amount AS DOUBLE) / NULLIF(CAST(amount AS DOUBLE), 0), 1) AS gap_percent,
    CASE
        WHEN ABS(total - unsigned_amount) <= 0.01 OR ABS(total - by_quantity_amount) <= 0.01 THEN 'sign'
        WHEN ABS(total - priced_amount) <= 0.01 * line_count THEN 'unit_price'
        WHEN ABS(100 * total - amount) <= line_count OR ABS(total - 100 * amount) <= line_count THEN 'cents'
        WHEN total > amount THEN 'above'
        ELSE 'below'
    END AS cause
FROM compared

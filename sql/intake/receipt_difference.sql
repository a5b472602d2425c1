-- How far a receipt's lines are from its total, in the currency; tills differ in what stands on the receipt alone.
-- Grain: receipt that came with lines. The nearest with discount and points taken off, and with tax put on top, counts.
WITH receipt_sum AS (
    SELECT
        receipt_id,
        ABS(SUM(amount)) AS amount
    FROM sampled_line
    GROUP BY receipt_id
),

compared AS (
    SELECT
        s.receipt_id,
        s.amount,
        ABS(r.total_amount) AS total,
        ABS(COALESCE(r.discount_amount, 0)) AS discount,
        ABS(COALESCE(r.points_amount, 0)) AS points,
        ABS(COALESCE(r.tax_amount, 0)) AS tax
    FROM receipt_sum AS s
    INNER JOIN tonights_receipt AS r ON s.receipt_id = r.receipt_id
)

SELECT
    receipt_id,
    LEAST(
        ABS(total - amount),
        ABS(total - (amount + tax)),
        ABS(total - (amount - discount)),
        ABS(total - (amount - discount + tax)),
        ABS(total - (amount - points)),
        ABS(total - (amount - points + tax)),
        ABS(total - (amount - discount - points)),
        ABS(total - (amount - discount - points + tax))
    ) AS difference
FROM compared

-- Rejected rows with the money lost in them: the amount without its sign, or the mean where it can't be read.
-- Grain: row of rejected_row. loaded_row has the amount of each row that was loaded. lost_amount is NULL where there is
-- no money in a row: a header once more, a row of somebody erased, a row that adds up all others.
WITH loaded AS (
    SELECT
        COUNT(amount) AS row_count,
        COALESCE(SUM(amount), 0) AS total,
        COALESCE(SUM(ABS(amount)), 0) AS unsigned_total
    FROM loaded_row
),

rejected AS (
    SELECT SUM(amount) AS total
    FROM rejected_row
),

judged AS (
    SELECT
        w.*,
        w.rule IN ('repeated_header', 'erased')
        OR COALESCE(
            l.row_count >= 10
            AND (ABS(w.amount - l.total) <= 0.01 OR ABS(2 * w.amount - r.total - l.total) <= 0.01),
            FALSE
        ) AS is_no_money
    FROM rejected_row AS w
    CROSS JOIN loaded AS l
    CROSS JOIN rejected AS r
),

readable AS (
    SELECT
        COUNT(amount) AS row_count,
        COALESCE(SUM(ABS(amount)), 0) AS unsigned_total
    FROM judged
    WHERE NOT is_no_money
),

average AS (
    SELECT
        CAST(
            CAST(l.unsigned_total + r.unsigned_total AS DOUBLE) / NULLIF(l.row_count + r.row_count, 0) AS DECIMAL(38, 2)
        ) AS amount
    FROM loaded AS l
    CROSS JOIN readable AS r
)

SELECT
    j.source,
    j.file,
    j.row_number,
    j.rule,
    j.event_date,
    j.receipt_id,
    j.line_number,
    CASE WHEN NOT j.is_no_money THEN CAST(COALESCE(ABS(j.amount), a.amount) AS DECIMAL(38, 2)) END AS lost_amount,
    NOT j.is_no_money AND j.amount IS NULL AS is_estimated
FROM judged AS j
CROSS JOIN average AS a

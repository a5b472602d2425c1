-- Why rows were rejected, by this night and earlier ones, and how much money is lost with them, month by month.
-- Grain: month of the event (NULL: it has no date that can be read), source and rule.
-- A line has the month of its receipt. What has come since, or is there from an earlier night, is not lost.
WITH there AS (
    SELECT
        s.landing_date,
        s.source,
        s.file,
        s.row_number
    FROM rejection AS s
    INNER JOIN receipts AS r ON s.receipt_id = r.receipt_id
    WHERE s.source = 'receipts'
    UNION ALL
    SELECT
        s.landing_date,
        s.source,
        s.file,
        s.row_number
    FROM rejection AS s
    INNER JOIN receipt_lines AS l ON s.receipt_id = l.receipt_id AND s.line_number = l.line_number
    WHERE s.source = 'receipt_lines'
),

receipt_of_line AS (
    SELECT DISTINCT
        f.receipt_id,
        f.business_date
    FROM rejection AS s
    INNER JOIN receipt_fact AS f ON s.receipt_id = f.receipt_id
    WHERE s.source = 'receipt_lines'
),

rejected AS (
    SELECT
        s.source,
        s.rule,
        s.lost_amount,
        s.is_estimated,
        t.source IS NOT NULL AS is_there,
        CAST(DATE_TRUNC('month', COALESCE(s.event_date, f.business_date)) AS DATE) AS business_month
    FROM rejection AS s
    LEFT JOIN there AS t
        ON
            s.landing_date = t.landing_date
            AND s.source = t.source
            AND s.file = t.file
            AND s.row_number = t.row_number
    LEFT JOIN receipt_of_line AS f ON s.receipt_id = f.receipt_id
)

SELECT
    business_month,
    source,
    rule,
    COUNT(CASE WHEN NOT is_there THEN 1 END) AS lost_rows,
    COUNT(CASE WHEN is_there THEN 1 END) AS recovered_rows,
    COUNT(CASE WHEN is_estimated AND NOT is_there THEN 1 END) AS estimated_rows,
    CAST(SUM(CASE WHEN NOT is_there THEN lost_amount END) AS DECIMAL(38, 2)) AS lost_amount
FROM rejected
GROUP BY business_month, source, rule

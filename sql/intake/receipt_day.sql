-- Orders, returns and revenue by day, as the receipts say it: a void counts nowhere, and a return is taken off.
-- Grain: business date of tonight's receipts.
WITH receipt AS (
    SELECT
        issued_date,
        ABS(total_amount) AS amount,
        COALESCE(operation = 'return', FALSE) OR total_amount < 0 AS is_return
    FROM tonights_receipt
    WHERE COALESCE(operation, 'sale') <> 'void'
)

SELECT
    issued_date AS business_date,
    COUNT(CASE WHEN NOT is_return THEN 1 END) AS orders,
    COUNT(CASE WHEN is_return THEN 1 END) AS return_receipts,
    COUNT(CASE WHEN NOT is_return AND amount = 0 THEN 1 END) AS zero_sale_receipts,
    CAST(SUM(CASE WHEN NOT is_return THEN amount ELSE 0 END) AS DECIMAL(38, 2)) AS sales_amount,
    CAST(SUM(CASE WHEN is_return THEN amount ELSE 0 END) AS DECIMAL(38, 2)) AS return_amount,
    CAST(SUM(CASE WHEN is_return THEN -amount ELSE amount END) AS DECIMAL(38, 2)) AS revenue
FROM receipt
GROUP BY issued_date

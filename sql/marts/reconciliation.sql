-- What to hold against the back office, by month: receipts, money, customers, and what is left out or does not fit.
-- Grain: month of the receipts' date; NULL for what has no date: lines without their receipt, rejected rows.
WITH receipt AS (
    SELECT
        CAST(DATE_TRUNC('month', business_date) AS DATE) AS business_month,
        COUNT(*) AS receipts,
        COUNT(CASE WHEN NOT is_return THEN 1 END) AS sale_receipts,
        COUNT(CASE WHEN is_return THEN 1 END) AS return_receipts,
        COUNT(CASE WHEN NOT is_return AND revenue + gift_card_amount = 0 THEN 1 END) AS zero_sale_receipts,
        SUM(CASE WHEN NOT is_return THEN revenue END) AS sales_amount,
        SUM(CASE WHEN is_return THEN -revenue END) AS return_amount,
        SUM(gift_card_amount) AS gift_card_amount,
        SUM(CASE WHEN is_return THEN -ABS(discount_amount) ELSE ABS(discount_amount) END) AS discount_amount,
        SUM(line_count) AS line_count,
        SUM(line_gap) AS line_gap,
        COUNT(CASE WHEN ABS(line_gap) > 0.01 THEN 1 END) AS receipts_off_lines,
        COUNT(CASE WHEN line_count = 0 THEN 1 END) AS receipts_without_lines
    FROM receipt_fact
    GROUP BY CAST(DATE_TRUNC('month', business_date) AS DATE)
),

undated AS (  -- a refund that is known from a column of its order alone has the order's moment
    SELECT
        CAST(DATE_TRUNC('month', r.business_date) AS DATE) AS business_month,
        COUNT(*) AS undated_returns,
        SUM(-r.revenue) AS undated_return_amount
    FROM receipt_fact AS r
    INNER JOIN receipt_fact AS s ON r.original_receipt_id = s.receipt_id AND r.issued_at = s.issued_at
    WHERE r.is_return AND NOT s.is_return
    GROUP BY CAST(DATE_TRUNC('month', r.business_date) AS DATE)
),

buyer AS (
    SELECT
        CAST(DATE_TRUNC('month', business_date) AS DATE) AS business_month,
        COUNT(DISTINCT customer_id) AS customers
    FROM customer_day
    WHERE order_count > 0
    GROUP BY CAST(DATE_TRUNC('month', business_date) AS DATE)
),

first_month AS (
    SELECT
        CAST(DATE_TRUNC('month', t.first_order_date) AS DATE) AS business_month,
        COUNT(*) AS new_customers,
        COUNT(CASE WHEN c.registered_date > t.first_order_date THEN 1 END) AS late_registered_customers
    FROM customer_totals AS t
    LEFT JOIN customer AS c ON t.customer_id = c.customer_id
    WHERE t.first_order_date IS NOT NULL
    GROUP BY CAST(DATE_TRUNC('month', t.first_order_date) AS DATE)
),

left_out AS (  -- receipts that count nowhere: taken back, or of a day that has not come
    SELECT
        CAST(DATE_TRUNC('month', r.issued_date) AS DATE) AS business_month,
        COUNT(CASE WHEN r.operation = 'void' THEN 1 END) AS void_receipts,
        COUNT(CASE WHEN COALESCE(r.operation, 'sale') <> 'void' THEN 1 END) AS receipts_after_night,
        SUM(CASE WHEN COALESCE(r.operation, 'sale') <> 'void' THEN ABS(r.total_amount) END) AS amount_after_night
    FROM receipts AS r
    INNER JOIN night AS n ON r.operation = 'void' OR r.issued_date > n.run_date
    GROUP BY CAST(DATE_TRUNC('month', r.issued_date) AS DATE)
),

orphan AS (  -- its month is not known
    SELECT
        CAST(NULL AS DATE) AS business_month,
        COUNT(*) AS lines_without_receipt,
        SUM(ABS(l.amount)) AS amount_without_receipt
    FROM receipt_lines AS l
    LEFT JOIN receipts AS r ON l.receipt_id = r.receipt_id
    WHERE r.receipt_id IS NULL
    HAVING COUNT(*) > 0
),

rejected AS (
    SELECT
        business_month,
        SUM(CASE WHEN source = 'receipts' THEN lost_rows ELSE 0 END) AS rejected_receipts,
        SUM(CASE WHEN source = 'receipts' THEN lost_amount END) AS rejected_amount,
        SUM(CASE WHEN source = 'receipt_lines' THEN lost_rows ELSE 0 END) AS rejected_lines,
        SUM(CASE WHEN source = 'receipt_lines' THEN lost_amount END) AS rejected_line_amount
    FROM reconciliation_rejected
    WHERE source IN ('receipts', 'receipt_lines') AND lost_rows > 0
    GROUP BY business_month
),

every_month AS (
    SELECT business_month FROM receipt
    UNION
    SELECT business_month FROM first_month
    UNION
    SELECT business_month FROM left_out
    UNION
    SELECT business_month FROM orphan
    UNION
    SELECT business_month FROM rejected
)

SELECT
    m.business_month,
    COALESCE(r.receipts, 0) AS receipts,
    COALESCE(r.sale_receipts, 0) AS sale_receipts,
    COALESCE(r.return_receipts, 0) AS return_receipts,
    COALESCE(r.zero_sale_receipts, 0) AS zero_sale_receipts,
    COALESCE(v.void_receipts, 0) AS void_receipts,
    CAST(COALESCE(r.sales_amount, 0) AS DECIMAL(38, 2)) AS sales_amount,
    CAST(COALESCE(r.return_amount, 0) AS DECIMAL(38, 2)) AS return_amount,
    COALESCE(u.undated_returns, 0) AS undated_returns,
    CAST(COALESCE(u.undated_return_amount, 0) AS DECIMAL(38, 2)) AS undated_return_amount,
    CAST(COALESCE(r.sales_amount, 0) - COALESCE(r.return_amount, 0) AS DECIMAL(38, 2)) AS revenue,
    CAST(COALESCE(r.gift_card_amount, 0) AS DECIMAL(38, 2)) AS gift_card_amount,
    CAST(r.discount_amount AS DECIMAL(38, 2)) AS discount_amount,
    COALESCE(b.customers, 0) AS customers,
    COALESCE(f.new_customers, 0) AS new_customers,
    COALESCE(f.late_registered_customers, 0) AS late_registered_customers,
    CAST(COALESCE(r.line_count, 0) AS BIGINT) AS line_count,
    CAST(COALESCE(r.line_gap, 0) AS DECIMAL(38, 2)) AS line_gap,
    COALESCE(r.receipts_off_lines, 0) AS receipts_off_lines,
    COALESCE(r.receipts_without_lines, 0) AS receipts_without_lines,
    COALESCE(o.lines_without_receipt, 0) AS lines_without_receipt,
    CAST(COALESCE(o.amount_without_receipt, 0) AS DECIMAL(38, 2)) AS amount_without_receipt,
    COALESCE(v.receipts_after_night, 0) AS receipts_after_night,
    CAST(COALESCE(v.amount_after_night, 0) AS DECIMAL(38, 2)) AS amount_after_night,
    CAST(COALESCE(j.rejected_receipts, 0) AS BIGINT) AS rejected_receipts,
    CAST(COALESCE(j.rejected_amount, 0) AS DECIMAL(38, 2)) AS rejected_amount,
    CAST(COALESCE(j.rejected_lines, 0) AS BIGINT) AS rejected_lines,
    CAST(COALESCE(j.rejected_line_amount, 0) AS DECIMAL(38, 2)) AS rejected_line_amount
FROM every_month AS m
LEFT JOIN receipt AS r ON m.business_month = r.business_month
LEFT JOIN undated AS u ON m.business_month = u.business_month
LEFT JOIN buyer AS b ON m.business_month = b.business_month
LEFT JOIN first_month AS f ON m.business_month = f.business_month
LEFT JOIN left_out AS v ON m.business_month = v.business_month
LEFT JOIN orphan AS o ON m.business_month IS NOT DISTINCT FROM o.business_month
LEFT JOIN rejected AS j ON m.business_month IS NOT DISTINCT FROM j.business_month

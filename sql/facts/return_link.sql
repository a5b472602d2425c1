-- Returns, each with the sale it takes back: the named one; if none is named, the latest of person, product and price.
-- Grain: return receipt with a customer. A matched sale lies up to 90 days back and has the most of the return's lines.
WITH sale AS (  -- of customers who returned something: few, if any
    SELECT s.*
    FROM person_receipt AS s SEMI JOIN person_receipt AS r ON s.customer_id = r.customer_id AND r.is_return
    WHERE NOT s.is_return
),

returned AS (
    SELECT
        r.*,
        -r.revenue AS returned_revenue,
        s.receipt_id AS named_receipt_id
    FROM person_receipt AS r
    LEFT JOIN sale AS s ON r.original_receipt_id = s.receipt_id AND r.customer_id = s.customer_id
    WHERE r.is_return AND r.customer_id IS NOT NULL
),

candidate AS (  -- so that only the lines of these receipts are read
    SELECT
        r.receipt_id,
        s.receipt_id AS sale_receipt_id,
        s.issued_at
    FROM returned AS r
    INNER JOIN sale AS s
        ON r.customer_id = s.customer_id AND s.business_date BETWEEN r.business_date - 90 AND r.business_date
    WHERE r.original_receipt_id IS NULL AND r.issued_at >= s.issued_at
),

wanted AS (
    SELECT receipt_id FROM candidate
    UNION
    SELECT sale_receipt_id AS receipt_id FROM candidate
),

line AS (
    SELECT
        l.receipt_id,
        l.line_number,
        l.product_id,
        ABS(CAST(l.quantity AS DOUBLE)) AS quantity,
        ABS(CAST(l.amount AS DOUBLE)) AS amount
    FROM receipt_lines AS l SEMI JOIN wanted AS w ON l.receipt_id = w.receipt_id
),

matched AS (  -- a difference of a cent a piece is rounding
    SELECT
        c.receipt_id,
        c.sale_receipt_id,
        RANK() OVER (
            PARTITION BY c.receipt_id
            ORDER BY COUNT(DISTINCT r.line_number) DESC, c.issued_at DESC, c.sale_receipt_id ASC
        ) AS match_rank
    FROM candidate AS c
    INNER JOIN line AS r ON c.receipt_id = r.receipt_id
    INNER JOIN line AS s ON c.sale_receipt_id = s.receipt_id AND r.product_id = s.product_id
    WHERE ABS(r.amount * s.quantity - s.amount * r.quantity) <= 0.01 * r.quantity * s.quantity
    GROUP BY c.receipt_id, c.sale_receipt_id, c.issued_at
)

SELECT
    r.receipt_id,
    r.customer_id,
    r.business_date,
    s.receipt_id AS sale_receipt_id,
    s.business_date AS sale_date,
    CASE WHEN s.receipt_id IS NULL THEN 'none' WHEN named_receipt_id IS NULL THEN 'match' ELSE 'receipt' END AS method,
    CAST(r.returned_revenue AS DECIMAL(18, 2)) AS returned_revenue,
    CASE
        WHEN s.receipt_id IS NOT NULL THEN CAST(GREATEST(r.returned_revenue - GREATEST(SUM(r.returned_revenue) OVER (
            PARTITION BY s.receipt_id ORDER BY r.issued_at, r.receipt_id ROWS UNBOUNDED PRECEDING
        ) - s.revenue, 0), 0) AS DECIMAL(18, 2))
    END AS linked_revenue,
    COALESCE(SUM(r.returned_revenue) OVER (PARTITION BY s.receipt_id) > s.revenue, FALSE) AS is_over_returned,
    r.known_date,
    n.run_date AS landing_date
FROM returned AS r
CROSS JOIN night AS n
LEFT JOIN matched AS m ON r.receipt_id = m.receipt_id AND m.match_rank = 1
LEFT JOIN sale AS s ON COALESCE(r.named_receipt_id, m.sale_receipt_id) = s.receipt_id

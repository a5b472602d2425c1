-- Receipts that state other points than the ledger posts for them, and receipts that only the ledger names.
-- Grain: receipt_id. Receipts that state no points (NULL) are not compared.
WITH side AS (
    SELECT
        receipt_id,
        customer_id,
        business_date,
        points_earned,
        points_spent,
        0 AS ledger_points_earned,
        0 AS ledger_points_spent,
        1 AS receipts
    FROM person_receipt
    WHERE NOT is_return
    UNION ALL
    SELECT
        receipt_id,
        NULL AS customer_id,
        posted_date AS business_date,
        NULL AS points_earned,
        NULL AS points_spent,
        CASE WHEN kind = 'earn' THEN points ELSE 0 END AS ledger_points_earned,
        CASE WHEN kind = 'spend' THEN -points ELSE 0 END AS ledger_points_spent,
        0 AS receipts
    FROM points_entry
    WHERE receipt_id IS NOT NULL AND kind IN ('earn', 'spend')
),

compared AS (
    SELECT
        receipt_id,
        MAX(customer_id) AS customer_id,
        COALESCE(MAX(CASE WHEN receipts = 1 THEN business_date END), MIN(business_date)) AS business_date,
        MAX(points_earned) AS points_earned,
        MAX(points_spent) AS points_spent,
        SUM(ledger_points_earned) AS ledger_points_earned,
        SUM(ledger_points_spent) AS ledger_points_spent,
        SUM(receipts) AS receipts
    FROM side
    GROUP BY receipt_id
)

SELECT
    receipt_id,
    customer_id,
    business_date,
    points_earned,
    points_spent,
    CAST(ledger_points_earned AS DECIMAL(38, 3)) AS ledger_points_earned,
    CAST(ledger_points_spent AS DECIMAL(38, 3)) AS ledger_points_spent,
    CASE
        WHEN receipts = 0 THEN 'no_receipt'
        WHEN ledger_points_earned = 0 AND ledger_points_spent = 0 THEN 'not_posted'
        ELSE 'other_points'
    END AS difference
FROM compared
WHERE receipts = 0 OR ledger_points_earned <> points_earned OR ledger_points_spent <> points_spent

-- The points ledger by month: granted, spent, expired, outstanding; beside it what the month's receipts state.
-- Grain: month with a posting, or with points on a receipt. Points that expired without a posting count in their month.
WITH part AS (
    SELECT
        CAST(DATE_TRUNC('month', p.posted_date) AS DATE) AS business_month,
        CASE WHEN p.kind = 'earn' THEN p.points ELSE 0 END AS points_earned,
        CASE WHEN p.kind = 'adjust' THEN p.points ELSE 0 END AS points_adjusted,
        CASE WHEN p.kind = 'spend' THEN -p.points ELSE 0 END AS points_spent,
        0 AS points_expired,
        NULL AS receipt_points_earned,
        NULL AS receipt_points_spent
    FROM points_ledger AS p
    INNER JOIN night AS n ON p.posted_date <= n.run_date
    UNION ALL
    SELECT
        moved_month AS business_month,
        0 AS points_earned,
        0 AS points_adjusted,
        0 AS points_spent,
        points AS points_expired,
        NULL AS receipt_points_earned,
        NULL AS receipt_points_spent
    FROM points_flow
    WHERE fate = 'expired'
    UNION ALL
    SELECT
        CAST(DATE_TRUNC('month', business_date) AS DATE) AS business_month,
        0 AS points_earned,
        0 AS points_adjusted,
        0 AS points_spent,
        0 AS points_expired,
        points_earned AS receipt_points_earned,
        points_spent AS receipt_points_spent
    FROM receipt_fact
    WHERE NOT is_return AND (points_earned <> 0 OR points_spent <> 0)
),

by_month AS (
    SELECT
        business_month,
        SUM(points_earned) AS points_earned,
        SUM(points_adjusted) AS points_adjusted,
        SUM(points_spent) AS points_spent,
        SUM(points_expired) AS points_expired,
        SUM(receipt_points_earned) AS receipt_points_earned,
        SUM(receipt_points_spent) AS receipt_points_spent
    FROM part
    GROUP BY business_month
)

SELECT
    m.business_month,
    CAST(m.points_earned AS DECIMAL(38, 3)) AS points_earned,
    CAST(m.points_adjusted AS DECIMAL(38, 3)) AS points_adjusted,
    CAST(m.points_spent AS DECIMAL(38, 3)) AS points_spent,
    CAST(m.points_expired AS DECIMAL(38, 3)) AS points_expired,
    CAST(SUM(m.points_earned + m.points_adjusted - m.points_spent - m.points_expired) OVER (
        ORDER BY m.business_month ROWS UNBOUNDED PRECEDING
    ) AS DECIMAL(38, 3)) AS points_outstanding,
    CAST(m.receipt_points_earned AS DECIMAL(38, 3)) AS receipt_points_earned,
    CAST(m.receipt_points_spent AS DECIMAL(38, 3)) AS receipt_points_spent,
    m.business_month < CAST(DATE_TRUNC('month', n.run_date + 1) AS DATE) AS is_complete
FROM by_month AS m
CROSS JOIN night AS n

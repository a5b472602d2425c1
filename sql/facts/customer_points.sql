-- Point accounts as of tonight. A balance below zero means that the ledger lacks the opening balance.
-- Grain: customer with a posting.
WITH posted AS (
    SELECT
        COALESCE(i.customer_id, p.customer_id) AS customer_id,
        SUM(p.points) AS points_balance,
        SUM(CASE WHEN p.kind = 'earn' THEN p.points ELSE 0 END) AS points_earned,
        -SUM(CASE WHEN p.kind = 'spend' THEN p.points ELSE 0 END) AS points_spent,
        -SUM(CASE WHEN p.kind = 'expire' THEN p.points ELSE 0 END) AS points_expired
    FROM points_ledger AS p
    INNER JOIN night AS n ON p.posted_date <= n.run_date
    LEFT JOIN customer_identity AS i ON p.customer_id = i.source_customer_id
    GROUP BY COALESCE(i.customer_id, p.customer_id)
)

SELECT
    p.customer_id,
    CAST(p.points_balance - COALESCE(e.points, 0) AS DECIMAL(38, 3)) AS points_balance,
    CAST(p.points_earned AS DECIMAL(38, 3)) AS points_earned,
    CAST(p.points_spent AS DECIMAL(38, 3)) AS points_spent,
    CAST(p.points_expired + COALESCE(e.points, 0) AS DECIMAL(38, 3)) AS points_expired,
    e.next_expiry_date,
    e.next_expiry_points,
    n.run_date AS landing_date
FROM posted AS p
CROSS JOIN night AS n
LEFT JOIN expired_points AS e ON p.customer_id = e.customer_id

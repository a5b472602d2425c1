-- Point accounts as of tonight. A balance below zero means that the ledger lacks the opening balance.
-- Grain: customer with a posting.
WITH posted AS (
    SELECT
        COALESCE(i.customer_id, p.customer_id) AS customer_id,
        SUM(p.points) AS points,
        SUM(CASE WHEN p.kind = 'earn' THEN p.points ELSE 0 END) AS points_earned,
        -SUM(CASE WHEN p.kind = 'spend' THEN p.points ELSE 0 END) AS points_spent,
        -SUM(CASE WHEN p.kind = 'expire' THEN p.points ELSE 0 END) AS points_expired
    FROM points_ledger AS p
    INNER JOIN night AS n ON p.posted_date <= n.run_date
    LEFT JOIN customer_identity AS i ON p.customer_id = i.source_customer_id
    GROUP BY COALESCE(i.customer_id, p.customer_id)
),

held AS (  -- what is there, less what was taken while nothing was and no grant has paid yet
    SELECT
        f.customer_id,
        SUM(CASE
            WHEN f.fate IN ('left', 'overdraft') THEN f.points
            WHEN f.granted_month IS NULL THEN -f.points
            ELSE 0
        END) AS points_balance,
        MIN(CASE WHEN f.expires_date <= n.run_date + 31 THEN f.expires_date END) AS next_expiry_date
    FROM points_flow AS f
    CROSS JOIN night AS n
    GROUP BY f.customer_id
),

expiring AS (
    SELECT
        customer_id,
        expires_date,
        SUM(points) AS points
    FROM points_flow
    WHERE expires_date IS NOT NULL
    GROUP BY customer_id, expires_date
)

SELECT
    p.customer_id,
    CAST(COALESCE(h.points_balance, 0) AS DECIMAL(38, 3)) AS points_balance,
    CAST(p.points_earned AS DECIMAL(38, 3)) AS points_earned,
    CAST(p.points_spent AS DECIMAL(38, 3)) AS points_spent,
    CAST(p.points_expired + p.points - COALESCE(h.points_balance, 0) AS DECIMAL(38, 3)) AS points_expired,
    h.next_expiry_date,
    CAST(e.points AS DECIMAL(38, 3)) AS next_expiry_points,
    n.run_date AS landing_date
FROM posted AS p
CROSS JOIN night AS n
LEFT JOIN held AS h ON p.customer_id = h.customer_id
LEFT JOIN expiring AS e ON h.customer_id = e.customer_id AND h.next_expiry_date = e.expires_date

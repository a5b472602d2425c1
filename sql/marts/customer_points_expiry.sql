-- Points that expire in the days after tonight unless they are spent.
-- Grain: customer with a points account.
WITH expiring AS (
    SELECT
        f.customer_id,
        SUM(CASE WHEN f.expires_date <= n.run_date + 14 THEN f.points ELSE 0 END) AS points_expiring_14d,
        SUM(CASE WHEN f.expires_date <= n.run_date + 30 THEN f.points ELSE 0 END) AS points_expiring_30d,
        SUM(f.points) AS points_expiring_60d
    FROM points_flow AS f
    INNER JOIN night AS n ON f.expires_date <= n.run_date + 60
    WHERE f.fate = 'left'
    GROUP BY f.customer_id
)

SELECT
    p.customer_id,
    CAST(COALESCE(e.points_expiring_14d, 0) AS DECIMAL(38, 3)) AS points_expiring_14d,
    CAST(COALESCE(e.points_expiring_30d, 0) AS DECIMAL(38, 3)) AS points_expiring_30d,
    CAST(COALESCE(e.points_expiring_60d, 0) AS DECIMAL(38, 3)) AS points_expiring_60d
FROM customer_points AS p
LEFT JOIN expiring AS e ON p.customer_id = e.customer_id

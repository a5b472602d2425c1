-- Points that are there to be spent, by the month in which they expire.
-- Grain: expires_month; NULL for points that do not expire.
SELECT
    f.expires_month,
    COUNT(DISTINCT f.customer_id) AS customer_count,
    CAST(SUM(f.points) AS DECIMAL(38, 3)) AS points,
    CAST(SUM(f.points) * MAX(n.point_value) AS DECIMAL(38, 2)) AS points_amount
FROM points_flow AS f
CROSS JOIN night AS n
WHERE f.fate = 'left'
GROUP BY f.expires_month

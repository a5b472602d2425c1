-- What became of the points of each issue month, by month.
-- Grain: granted_month, fate and moved_month (NULL of points left).
SELECT
    granted_month,
    fate,
    moved_month,
    CAST(SUM(points) AS DECIMAL(38, 3)) AS points
FROM points_flow
WHERE granted_month IS NOT NULL
GROUP BY granted_month, fate, moved_month

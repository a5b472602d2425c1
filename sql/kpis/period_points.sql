-- Points of the ledger posted in each period that is worked out.
-- Grain: period and its start.
SELECT
    d.period,
    d.period_start,
    'all' AS cut,
    CAST(SUM(CASE WHEN p.kind = 'earn' THEN p.points ELSE 0 END) AS DECIMAL(38, 3)) AS points_earned,
    CAST(-SUM(CASE WHEN p.kind = 'spend' THEN p.points ELSE 0 END) AS DECIMAL(38, 3)) AS points_spent
FROM points_ledger AS p
INNER JOIN kpi_span AS k ON p.posted_date >= k.from_date AND p.posted_date <= k.to_date
INNER JOIN kpi_day AS d ON p.posted_date = d.business_date
GROUP BY d.period, d.period_start

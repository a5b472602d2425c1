-- Members by day, ISO week and month: in all, and by the channel that they came through.
-- Grain: period, its first day, cut (all, acquisition_source) and cut value.
WITH span AS (
    SELECT
        c.period,
        c.period_start,
        c.period_end,
        MIN(c.business_date) = c.period_start AND MAX(c.business_date) = c.period_end AS is_complete,
        MAX(c.business_date) AS last_date,
        SUM(m.new_members) AS new_members
    FROM calendar_period AS c
    INNER JOIN members_daily AS m ON c.business_date = m.business_date
    GROUP BY c.period, c.period_start, c.period_end
)

SELECT
    s.period,
    s.period_start,
    'all' AS cut,
    'all' AS cut_value,
    s.period_end,
    s.is_complete,
    CAST(s.new_members AS BIGINT) AS new_members,
    m.members,
    m.active_members,
    o.active_members AS opening_active_members,
    h.churned_members
FROM span AS s
INNER JOIN members_daily AS m ON s.last_date = m.business_date
LEFT JOIN members_daily AS o ON s.period_start - 1 = o.business_date
LEFT JOIN churned_daily AS h ON s.period_start - 1 = h.business_date
UNION ALL
SELECT
    s.period,
    s.period_start,
    'acquisition_source' AS cut,
    e.acquisition_source AS cut_value,
    s.period_end,
    s.is_complete,
    CAST(SUM(e.new_members) AS BIGINT) AS new_members,
    MAX(CASE WHEN e.business_date = s.last_date THEN e.members END) AS members,
    CAST(NULL AS BIGINT) AS active_members,
    CAST(NULL AS BIGINT) AS opening_active_members,
    CAST(NULL AS BIGINT) AS churned_members
FROM span AS s
INNER JOIN calendar_period AS c ON s.period = c.period AND s.period_start = c.period_start
INNER JOIN enrolment_daily AS e ON c.business_date = e.business_date
GROUP BY s.period, s.period_start, s.period_end, s.is_complete, e.acquisition_source

-- Each month with the month before and with the same month of the year before: the days of each that are compared.
-- Grain: month, comparison, and whether the days are the month's own. With a month not seen whole, none is compared.
WITH business_month AS (
    SELECT
        period_start,
        period_end,
        is_complete,
        12 * EXTRACT(YEAR FROM period_start) + EXTRACT(MONTH FROM period_start) AS month_number
    FROM kpi_period
    WHERE period = 'month' AND cut = 'all'
),

pair AS (
    SELECT
        m.period_start AS business_month,
        k.compared_with,
        m.is_complete,
        m.period_end,
        b.period_start AS compared_start,
        b.period_end AS compared_end,
        CAST(  -- of a running month, as many days as both have
            LEAST(DATE_DIFF('day', m.period_start, n.run_date), DATE_DIFF('day', b.period_start, b.period_end))
            AS INTEGER
        ) AS days_on
    FROM business_month AS m
    CROSS JOIN (VALUES ('month_before', 1), ('year_before', 12)) AS k (compared_with, months)
    INNER JOIN business_month AS b ON m.month_number - k.months = b.month_number
    CROSS JOIN night AS n
    WHERE b.is_complete
)

SELECT
    business_month,
    compared_with,
    TRUE AS is_own,
    is_complete,
    business_month AS from_date,
    CASE WHEN is_complete THEN period_end ELSE business_month + days_on END AS until_date
FROM pair
UNION ALL
SELECT
    business_month,
    compared_with,
    FALSE AS is_own,
    is_complete,
    compared_start AS from_date,
    CASE WHEN is_complete THEN compared_end ELSE compared_start + days_on END AS until_date
FROM pair

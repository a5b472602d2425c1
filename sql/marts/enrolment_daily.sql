-- Members by day and by the channel that they came through.
-- Grain: business date and acquisition source.
WITH opening AS (
    SELECT MIN(business_date) AS business_date
    FROM calendar
),

joined AS (
    SELECT
        COALESCE(acquisition_channel, 'unknown') AS acquisition_source,
        enrolled_date,
        deleted_date,
        COUNT(*) AS customers
    FROM customer
    WHERE enrolled_date IS NOT NULL AND (deleted_date IS NULL OR deleted_date > enrolled_date)
    GROUP BY COALESCE(acquisition_channel, 'unknown'), enrolled_date, deleted_date
),

-- +1 on the first day, -1 on the first day out. Days before the first business date count as that date.
edge AS (
    SELECT
        joined.acquisition_source,
        GREATEST(opening.business_date, joined.enrolled_date) AS business_date,
        joined.customers AS members,
        CASE WHEN joined.enrolled_date >= opening.business_date THEN joined.customers ELSE 0 END AS new_members
    FROM joined
    CROSS JOIN opening
    UNION ALL
    SELECT
        joined.acquisition_source,
        GREATEST(opening.business_date, joined.deleted_date) AS business_date,
        -joined.customers AS members,
        0 AS new_members
    FROM joined
    CROSS JOIN opening
    WHERE joined.deleted_date IS NOT NULL
),

daily AS (
    SELECT
        acquisition_source,
        business_date,
        SUM(members) AS members,
        SUM(new_members) AS new_members
    FROM edge
    GROUP BY acquisition_source, business_date
),

source AS (
    SELECT DISTINCT acquisition_source
    FROM joined
)

SELECT
    calendar.business_date,
    source.acquisition_source,
    CAST(
        COALESCE(
            SUM(daily.members) OVER (
                PARTITION BY source.acquisition_source
                ORDER BY calendar.business_date
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ), 0
        ) AS BIGINT
    ) AS members,
    CAST(COALESCE(daily.new_members, 0) AS BIGINT) AS new_members
FROM calendar
CROSS JOIN source
LEFT JOIN daily
    ON source.acquisition_source = daily.acquisition_source AND calendar.business_date = daily.business_date

-- Members at the end of each day: how many there are, joined, bought in the active window, and used a benefit.
-- Grain: business date.
WITH membership AS (
    SELECT
        customer_id,
        enrolled_date,
        deleted_date
    FROM customer
    WHERE enrolled_date IS NOT NULL AND (deleted_date IS NULL OR deleted_date > enrolled_date)
),

stay AS (
    SELECT
        enrolled_date AS from_date,
        deleted_date AS until_date,
        1 AS members,
        0 AS active_members
    FROM membership
    UNION ALL
    SELECT
        active_from_date AS from_date,
        active_until_date AS until_date,
        0 AS members,
        buyers AS active_members
    FROM customer_sales_daily
    WHERE active_from_date IS NOT NULL
),

opening AS (
    SELECT MIN(business_date) AS business_date
    FROM calendar
),

-- +1 on a stay's first day, -1 on the first day out. Days before the first business date count as that date.
daily AS (
    SELECT
        GREATEST(opening.business_date, CASE edge.direction WHEN 1 THEN stay.from_date ELSE stay.until_date END)
            AS business_date,
        SUM(edge.direction * stay.members) AS members,
        SUM(edge.direction * stay.active_members) AS active_members,
        COUNT(*) FILTER (WHERE edge.direction = 1 AND stay.members = 1 AND stay.from_date >= opening.business_date)
            AS new_members
    FROM stay
    CROSS JOIN (VALUES (1), (-1)) AS edge (direction)
    CROSS JOIN opening
    WHERE edge.direction = 1 OR stay.until_date IS NOT NULL
    GROUP BY GREATEST(opening.business_date, CASE edge.direction WHEN 1 THEN stay.from_date ELSE stay.until_date END)
),

benefit AS (
    SELECT
        benefit_use.business_date,
        COUNT(*) AS benefit_users
    FROM benefit_use
    INNER JOIN membership
        ON
            benefit_use.customer_id = membership.customer_id
            AND benefit_use.business_date >= membership.enrolled_date
            AND (membership.deleted_date IS NULL OR benefit_use.business_date < membership.deleted_date)
    GROUP BY benefit_use.business_date
)

SELECT
    calendar.business_date,
    CAST(COALESCE(SUM(daily.members) OVER to_date, 0) AS BIGINT) AS members,
    COALESCE(daily.new_members, 0) AS new_members,
    CAST(COALESCE(SUM(daily.active_members) OVER to_date, 0) AS BIGINT) AS active_members,
    COALESCE(benefit.benefit_users, 0) AS benefit_users
FROM calendar
LEFT JOIN daily ON calendar.business_date = daily.business_date
LEFT JOIN benefit ON calendar.business_date = benefit.business_date
WINDOW to_date AS (ORDER BY calendar.business_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)

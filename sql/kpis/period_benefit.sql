-- Members who used a benefit in each period that is worked out: earned or spent points, or redeemed a promo code.
-- Grain: period and its start.
WITH used AS (
    SELECT
        d.period,
        d.period_start,
        u.customer_id,
        COUNT(CASE WHEN u.has_earned_points THEN 1 END) AS earned,
        COUNT(CASE WHEN u.has_spent_points THEN 1 END) AS spent
    FROM benefit_use AS u
    INNER JOIN kpi_span AS k ON u.business_date >= k.from_date AND u.business_date <= k.to_date
    INNER JOIN kpi_day AS d ON u.business_date = d.business_date
    INNER JOIN customer AS c
        ON
            u.customer_id = c.customer_id
            AND u.business_date >= c.enrolled_date
            AND (c.deleted_date IS NULL OR u.business_date < c.deleted_date)
    GROUP BY d.period, d.period_start, u.customer_id
)

SELECT
    period,
    period_start,
    'all' AS cut,
    COUNT(*) AS benefit_users,
    COUNT(CASE WHEN earned > 0 THEN 1 END) AS earning_members,
    COUNT(CASE WHEN spent > 0 THEN 1 END) AS spending_members
FROM used
GROUP BY period, period_start

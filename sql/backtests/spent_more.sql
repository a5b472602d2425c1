-- Probability to spend more in the horizon after the origin than in the one up to it, and who did. Baseline: the share
-- that spent more after the earlier origin, among customers whose spend had the same trend.
-- Grain: customer with a forecast.
WITH earlier AS (
    SELECT
        s.earlier_trend AS trend,
        CASE WHEN s.has_spent_more THEN 1 ELSE 0 END AS has_spent_more
    FROM spend_trend AS s
    LEFT JOIN left_out AS l ON s.customer_id = l.customer_id
    WHERE s.earlier_trend IS NOT NULL AND l.customer_id IS NULL
),

by_trend AS (
    SELECT
        trend,
        COUNT(*) AS customers,
        CAST(SUM(has_spent_more) AS DOUBLE) / NULLIF(COUNT(*), 0) AS grown_share
    FROM earlier
    GROUP BY trend
),

overall AS (SELECT CAST(SUM(has_spent_more) AS DOUBLE) / NULLIF(COUNT(*), 0) AS grown_share FROM earlier),

outcome AS (  -- as known now; spend below 0 counts as 0
    SELECT
        d.customer_id,
        GREATEST(
            SUM(CASE WHEN d.business_date BETWEEN w.label_from_date AND w.label_to_date THEN d.net_spend ELSE 0 END),
            0
        ) AS next_spend,
        GREATEST(
            SUM(CASE WHEN d.business_date BETWEEN w.last_from_date AND w.as_of_date THEN d.net_spend ELSE 0 END), 0
        ) AS last_spend
    FROM days_known_now AS d
    CROSS JOIN outcome_window AS w
    GROUP BY d.customer_id
)

SELECT
    g.first_order_quarter,
    g.rfm_segment,
    f.p_spend_more AS predicted,
    CAST(CASE WHEN o.next_spend > o.last_spend THEN 1 ELSE 0 END AS DOUBLE) AS actual,
    COALESCE(b.grown_share, t.grown_share) AS baseline
FROM customer_spend_more AS f
CROSS JOIN outcome_window AS w
CROSS JOIN overall AS t
INNER JOIN customer_group AS g ON f.customer_id = g.customer_id
INNER JOIN outcome AS o ON f.customer_id = o.customer_id
LEFT JOIN spend_trend AS s ON f.customer_id = s.customer_id
LEFT JOIN by_trend AS b ON s.trend = b.trend AND w.minimum_customers <= b.customers
WHERE f.p_spend_more IS NOT NULL
ORDER BY f.customer_id

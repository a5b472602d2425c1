-- Probability to reach the next tier by the end of the origin's period, and who reached it, as known now. Returns that
-- came later count. No baseline: the skill is judged against the same probability for all.
-- Grain: member below the top with a forecast.
WITH came AS (
    SELECT
        d.customer_id,
        SUM(CASE t.basis WHEN 'spend' THEN d.net_spend ELSE 1 END) AS amount
    FROM days_known_now AS d
    INNER JOIN tier_period AS t ON d.business_date BETWEEN t.period_start AND t.period_end
    WHERE d.net_spend > 0
    GROUP BY d.customer_id
)

SELECT
    g.first_order_quarter,
    g.rfm_segment,
    f.p_rise AS predicted,
    CAST(
        CASE WHEN COALESCE(c.amount, 0) >= f.qualifying_amount + f.distance_to_next_tier THEN 1 ELSE 0 END AS DOUBLE
    ) AS actual,
    CAST(NULL AS DOUBLE) AS baseline
FROM tier_forecast AS f
INNER JOIN customer_group AS g ON f.customer_id = g.customer_id
LEFT JOIN came AS c ON f.customer_id = c.customer_id
WHERE f.p_rise IS NOT NULL
ORDER BY f.customer_id

-- Each member's tier, the best of what they reached in this period so far and in the last one; and how they bought.
-- Grain: member (enrolled, not deleted, no service account), in the order of their ids. An amount below 0 counts as 0.
WITH counted AS (  -- a purchase day is a day with net spend above 0; returns are taken off the day of their sale
    SELECT
        d.customer_id,
        d.business_date,
        CASE t.basis WHEN 'spend' THEN d.net_spend ELSE 1 END AS amount
    FROM customer_day AS d
    INNER JOIN tier_period AS t ON d.business_date BETWEEN t.last_start AND t.run_date
    WHERE t.basis <> 'points_earned' AND d.net_spend > 0
    UNION ALL
    SELECT
        p.customer_id,
        p.posted_date AS business_date,
        p.points AS amount
    FROM points_entry AS p
    INNER JOIN tier_period AS t ON p.posted_date BETWEEN t.last_start AND t.run_date
    WHERE t.basis = 'points_earned' AND p.kind = 'earn'
),

summed AS (
    SELECT
        c.customer_id,
        SUM(CASE WHEN c.business_date >= t.period_start THEN c.amount ELSE 0 END) AS amount,
        SUM(CASE WHEN c.business_date <= t.last_end THEN c.amount ELSE 0 END) AS last_amount
    FROM counted AS c
    CROSS JOIN tier_period AS t
    GROUP BY c.customer_id
),

member AS (
    SELECT
        c.customer_id,
        CAST(GREATEST(COALESCE(s.amount, 0), 0) AS DECIMAL(38, 3)) AS qualifying_amount,
        CAST(GREATEST(COALESCE(s.last_amount, 0), 0) AS DECIMAL(38, 3)) AS last_period_amount
    FROM customer AS c
    LEFT JOIN summed AS s ON c.customer_id = s.customer_id
    WHERE c.is_member AND NOT c.is_service_account
)

SELECT
    m.customer_id,
    t.basis,
    t.period_start,
    t.period_end,
    m.qualifying_amount,
    m.last_period_amount,
    s.tier,
    s.next_tier,
    CAST(s.next_amount - m.qualifying_amount AS DECIMAL(38, 3)) AS distance_to_next_tier,
    CASE
        WHEN s.tier IS NOT NULL THEN CAST(GREATEST(s.from_amount - m.qualifying_amount, 0) AS DECIMAL(38, 3))
    END AS amount_to_keep,
    p.frequency,
    p.recency_days,
    p.age_days,
    p.repeat_revenue
FROM member AS m
INNER JOIN tier_step AS s
    ON
        GREATEST(m.qualifying_amount, m.last_period_amount) >= s.from_amount
        AND (s.next_amount IS NULL OR GREATEST(m.qualifying_amount, m.last_period_amount) < s.next_amount)
CROSS JOIN tier_period AS t
LEFT JOIN customer_purchase_pattern AS p ON m.customer_id = p.customer_id
ORDER BY m.customer_id

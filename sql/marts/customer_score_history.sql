-- RFM segment, tiers and scores of each customer over time: a row ends when a segment or tier changes, or a month does.
-- Grain: customer and first night of the row. Scores are those of that night, so each month's first night has them all.
WITH open_row AS (
    SELECT *
    FROM history.customer_score_history
    WHERE valid_to IS NULL
),

scored AS (
    SELECT
        c.customer_id,
        n.run_date,
        c.rfm_segment,
        c.tier,
        c.clv_tier,
        c.churn_tier,
        c.recency_score,
        c.frequency_score,
        c.monetary_score,
        c.p_alive,
        c.clv,
        c.p_churn
    FROM customer_360 AS c
    CROSS JOIN night AS n
    WHERE NOT c.is_deleted AND COALESCE(c.rfm_segment, c.tier, c.clv_tier, c.churn_tier) IS NOT NULL
),

lasting AS (
    SELECT s.customer_id
    FROM scored AS s
    INNER JOIN open_row AS o
        ON
            s.customer_id = o.customer_id
            AND s.rfm_segment IS NOT DISTINCT FROM o.rfm_segment
            AND s.tier IS NOT DISTINCT FROM o.tier
            AND s.clv_tier IS NOT DISTINCT FROM o.clv_tier
            AND s.churn_tier IS NOT DISTINCT FROM o.churn_tier
            AND EXTRACT(YEAR FROM s.run_date) = EXTRACT(YEAR FROM o.valid_from)
            AND EXTRACT(MONTH FROM s.run_date) = EXTRACT(MONTH FROM o.valid_from)
)

SELECT
    h.customer_id,
    h.valid_from,
    CASE WHEN h.valid_to IS NULL AND l.customer_id IS NULL THEN n.run_date ELSE h.valid_to END AS valid_to,
    h.rfm_segment,
    h.tier,
    h.clv_tier,
    h.churn_tier,
    h.recency_score,
    h.frequency_score,
    h.monetary_score,
    h.p_alive,
    h.clv,
    h.p_churn
FROM history.customer_score_history AS h
CROSS JOIN night AS n
LEFT JOIN lasting AS l ON h.customer_id = l.customer_id
UNION ALL
SELECT
    s.customer_id,
    s.run_date AS valid_from,
    CAST(NULL AS DATE) AS valid_to,
    s.rfm_segment,
    s.tier,
    s.clv_tier,
    s.churn_tier,
    s.recency_score,
    s.frequency_score,
    s.monetary_score,
    s.p_alive,
    s.clv,
    s.p_churn
FROM scored AS s ANTI JOIN lasting AS l ON s.customer_id = l.customer_id

-- What promoters, passives and detractors bought in the active window after their answer, and in that before it.
-- Grain: RFM segment on the day of the answer ('unknown' before the first night that was run; and 'all'), and group.
WITH settled AS (  -- each customer's last answer of which the window is over, of a year
    SELECT
        s.customer_id,
        s.score,
        s.answered_date,
        n.active_days,
        RANK() OVER (PARTITION BY s.customer_id ORDER BY s.answered_at DESC, s.response_id DESC) AS place
    FROM survey_response AS s
    INNER JOIN night AS n
        ON DATE_DIFF('day', s.answered_date, n.run_date) BETWEEN n.active_days AND n.active_days + 364
    WHERE s.kind = 'nps'
),

answer AS (
    SELECT
        a.customer_id,
        a.answered_date,
        a.active_days,
        CASE WHEN a.score >= 9 THEN 'promoter' WHEN a.score >= 7 THEN 'passive' ELSE 'detractor' END AS nps_group,
        CASE WHEN h.customer_id IS NULL THEN 'unknown' ELSE COALESCE(h.rfm_segment, 'no_order') END AS segment
    FROM settled AS a
    LEFT JOIN customer_score_history AS h
        ON
            a.customer_id = h.customer_id
            AND a.answered_date >= h.valid_from
            AND a.answered_date < COALESCE(h.valid_to, DATE '9999-12-31')
    WHERE a.place = 1
),

shown_in AS (
    SELECT
        customer_id,
        segment
    FROM answer
    UNION ALL
    SELECT
        customer_id,
        'all' AS segment
    FROM answer
),

bought AS (
    SELECT
        a.customer_id,
        SUM(CASE WHEN d.business_date > a.answered_date THEN d.order_count ELSE 0 END) AS order_count,
        SUM(CASE WHEN d.business_date > a.answered_date THEN d.net_revenue ELSE 0 END) AS revenue,
        SUM(CASE WHEN d.business_date <= a.answered_date THEN d.order_count ELSE 0 END) AS order_count_before,
        SUM(CASE WHEN d.business_date <= a.answered_date THEN d.net_revenue ELSE 0 END) AS revenue_before
    FROM answer AS a
    INNER JOIN customer_day AS d
        ON
            a.customer_id = d.customer_id
            AND DATE_DIFF('day', a.answered_date, d.business_date) BETWEEN 1 - a.active_days AND a.active_days
    GROUP BY a.customer_id
)

SELECT
    s.segment,
    a.nps_group,
    MAX(a.active_days) AS window_days,
    COUNT(*) AS customers,
    COUNT(CASE WHEN b.order_count > 0 THEN 1 END) AS buyers,
    CAST(COUNT(CASE WHEN b.order_count > 0 THEN 1 END) AS DOUBLE) / NULLIF(COUNT(*), 0) AS buyer_rate,
    CAST(COALESCE(SUM(b.order_count), 0) AS DOUBLE) / NULLIF(COUNT(*), 0) AS orders_per_customer,
    CAST(COALESCE(SUM(b.revenue), 0) AS DOUBLE) / NULLIF(COUNT(*), 0) AS revenue_per_customer,
    CAST(COALESCE(SUM(b.order_count_before), 0) AS DOUBLE) / NULLIF(COUNT(*), 0) AS orders_per_customer_before,
    CAST(COALESCE(SUM(b.revenue_before), 0) AS DOUBLE) / NULLIF(COUNT(*), 0) AS revenue_per_customer_before
FROM answer AS a
INNER JOIN shown_in AS s ON a.customer_id = s.customer_id
LEFT JOIN bought AS b ON a.customer_id = b.customer_id
GROUP BY s.segment, a.nps_group

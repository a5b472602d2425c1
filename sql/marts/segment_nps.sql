-- Net promoter score by RFM segment, of each customer's last nps answer in the last 365 days, with a 95 % interval.
-- Grain: RFM segment with an answer (no_order for customers without an order), and 'all'.
-- Interval: adjusted Wald (3, T): 3 answers more, 3/4 promoters, 3/4 detractors and 3/2 passives (Rocks, Interval
-- Estimation for the Net Promoter Score, The American Statistician 70, 2016). Below ten answers it covers too little.
WITH answer AS (
    SELECT
        COALESCE(r.rfm_segment, 'no_order') AS rfm_segment,
        s.last_nps
    FROM customer_survey AS s
    INNER JOIN night AS n ON s.last_nps_date > n.run_date - 365
    LEFT JOIN customer_rfm AS r ON s.customer_id = r.customer_id
),

grouped AS (
    SELECT
        rfm_segment AS segment,
        last_nps
    FROM answer
    UNION ALL
    SELECT
        'all' AS segment,
        last_nps
    FROM answer
),

counted AS (
    SELECT
        segment,
        COUNT(*) AS responses,
        COUNT(CASE WHEN last_nps >= 9 THEN 1 END) AS promoters,
        COUNT(CASE WHEN last_nps BETWEEN 7 AND 8 THEN 1 END) AS passives,
        COUNT(CASE WHEN last_nps <= 6 THEN 1 END) AS detractors
    FROM grouped
    GROUP BY segment
),

adjusted AS (
    SELECT
        *,
        CAST(promoters - detractors AS DOUBLE) / NULLIF(responses + 3, 0) AS centre,
        CAST(promoters + detractors + 1.5 AS DOUBLE) / NULLIF(responses + 3, 0) AS decided_share
    FROM counted
),

measured AS (
    SELECT
        *,
        1.959963984540054
        * SQRT(CAST(decided_share - centre * centre AS DOUBLE) / NULLIF(responses + 3, 0)) AS half_width
    FROM adjusted
)

SELECT
    segment,
    responses,
    promoters,
    passives,
    detractors,
    CASE WHEN responses >= 10 THEN CAST(100 * (promoters - detractors) AS DOUBLE) / NULLIF(responses, 0) END AS nps,
    CASE WHEN responses >= 10 THEN GREATEST(100 * (centre - half_width), -100) END AS ci_low,
    CASE WHEN responses >= 10 THEN LEAST(100 * (centre + half_width), 100) END AS ci_high,
    CASE WHEN responses < 10 THEN 'fewer than 10 answers' END AS reason
FROM measured

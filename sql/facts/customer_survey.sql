-- Each customer's last answer to each kind of survey as of tonight; of two at one moment the one with the higher id.
-- Grain: customer with an answer.
WITH ranked AS (
    SELECT
        customer_id,
        kind,
        score,
        answered_date,
        RANK() OVER (PARTITION BY customer_id, kind ORDER BY answered_at DESC, response_id DESC) AS place
    FROM survey_response
)

SELECT
    customer_id,
    MAX(CASE WHEN kind = 'nps' THEN score END) AS last_nps,
    MAX(CASE WHEN kind = 'nps' THEN answered_date END) AS last_nps_date,
    MAX(CASE WHEN kind = 'csi' THEN score END) AS last_csi,
    MAX(CASE WHEN kind = 'csi' THEN answered_date END) AS last_csi_date
FROM ranked
WHERE place = 1
GROUP BY customer_id

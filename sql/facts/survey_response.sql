-- Answers to surveys up to tonight, each with the person behind its customer (after merges).
-- Grain: response.
SELECT
    s.response_id,
    COALESCE(i.customer_id, s.customer_id) AS customer_id,
    s.answered_at,
    s.answered_date,
    s.kind,
    s.score
FROM surveys AS s
INNER JOIN night AS n ON s.answered_date <= n.run_date
LEFT JOIN customer_identity AS i ON s.customer_id = i.source_customer_id

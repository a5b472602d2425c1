-- Stays in segments: those of earlier nights, ended if the customer is no longer in, and those that begin tonight.
-- Grain: stay (customer, segment and first night in).
WITH open_stay AS (
    SELECT
        customer_id,
        segment,
        valid_from
    FROM history.customer_segment_history
    WHERE valid_to IS NULL
)

SELECT
    customer_id,
    segment,
    valid_from,
    valid_to
FROM history.customer_segment_history
WHERE valid_to IS NOT NULL
UNION ALL
SELECT
    COALESCE(open_stay.customer_id, customer_segment.customer_id) AS customer_id,
    COALESCE(open_stay.segment, customer_segment.segment) AS segment,
    COALESCE(open_stay.valid_from, night.run_date) AS valid_from,
    CASE WHEN customer_segment.customer_id IS NULL THEN night.run_date END AS valid_to
FROM open_stay
FULL OUTER JOIN customer_segment
    ON open_stay.customer_id = customer_segment.customer_id AND open_stay.segment = customer_segment.segment
CROSS JOIN night

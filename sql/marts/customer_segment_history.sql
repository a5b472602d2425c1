-- Stays in segments: those of earlier nights, ended where tonight has them no more, and those that begin tonight.
-- Grain: stay (customer, segment and first night in).
WITH open_stay AS (
    SELECT
        customer_id,
        segment
    FROM history.customer_segment_history
    WHERE valid_to IS NULL
)

SELECT
    earlier.customer_id,
    earlier.segment,
    earlier.valid_from,
    CASE
        WHEN earlier.valid_to IS NOT NULL THEN earlier.valid_to
        WHEN customer_segment.customer_id IS NULL THEN night.run_date
    END AS valid_to
FROM history.customer_segment_history AS earlier
CROSS JOIN night
LEFT JOIN customer_segment
    ON earlier.customer_id = customer_segment.customer_id AND earlier.segment = customer_segment.segment
UNION ALL
SELECT
    customer_segment.customer_id,
    customer_segment.segment,
    night.run_date AS valid_from,
    CAST(NULL AS DATE) AS valid_to
FROM customer_segment
CROSS JOIN night
LEFT JOIN open_stay
    ON customer_segment.customer_id = open_stay.customer_id AND customer_segment.segment = open_stay.segment
WHERE open_stay.customer_id IS NULL

-- How many customers came into a planned campaign's segments in the last nights, 28 if as many are known, and were in
-- none of them before. The first night of a segment's history is no entry: all of its customers came that night.
-- Grain: campaign with a segment that has a history.
WITH stay AS (
    SELECT
        list_segment.campaign_number,
        list_segment.segment,
        history.customer_id,
        history.valid_from,
        COALESCE(history.valid_to, DATE '9999-12-31') AS valid_to
    FROM list_segment
    INNER JOIN customer_segment_history AS history ON list_segment.segment = history.segment
),

known_segment AS (
    SELECT
        campaign_number,
        segment,
        MIN(valid_from) AS known_from
    FROM stay
    GROUP BY campaign_number, segment
),

span AS (
    SELECT
        known_segment.campaign_number,
        GREATEST(MAX(known_segment.known_from), MAX(list_setting.run_date) - 28) AS since
    FROM known_segment
    CROSS JOIN list_setting
    GROUP BY known_segment.campaign_number
),

customer AS (
    SELECT
        stay.campaign_number,
        stay.customer_id,
        MAX(span.since) AS since,
        MAX(CASE WHEN stay.valid_from <= span.since AND stay.valid_to > span.since THEN 1 ELSE 0 END) AS was_in,
        MAX(CASE WHEN stay.valid_from > span.since THEN 1 ELSE 0 END) AS came_in
    FROM stay
    INNER JOIN span ON stay.campaign_number = span.campaign_number
    GROUP BY stay.campaign_number, stay.customer_id
)

SELECT
    customer.campaign_number,
    CAST(DATE_DIFF('day', MAX(customer.since), MAX(list_setting.run_date)) AS BIGINT) AS night_count,
    CAST(SUM(CASE WHEN customer.was_in = 0 THEN customer.came_in ELSE 0 END) AS BIGINT) AS entered_count
FROM customer
CROSS JOIN list_setting
GROUP BY customer.campaign_number

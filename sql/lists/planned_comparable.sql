-- Who was in a planned campaign's segments one window of days ago: what they bought since is what happens without it.
-- Grain: campaign and customer.
WITH planned AS (
    SELECT DISTINCT
        list_channel.campaign_number,
        list_setting.run_date - CAST(list_channel.window_days AS INTEGER) AS as_of
    FROM list_channel
    CROSS JOIN list_setting
),

stay AS (
    SELECT
        planned.campaign_number,
        history.customer_id,
        history.segment
    FROM planned
    INNER JOIN customer_segment_history AS history
        ON planned.as_of >= history.valid_from AND planned.as_of < COALESCE(history.valid_to, DATE '9999-12-31')
),

left_out AS (
    SELECT DISTINCT
        stay.campaign_number,
        stay.customer_id
    FROM stay
    INNER JOIN list_excluded_segment AS excluded
        ON stay.campaign_number = excluded.campaign_number AND stay.segment = excluded.segment
)

SELECT DISTINCT
    stay.campaign_number,
    stay.customer_id
FROM stay
INNER JOIN list_segment ON stay.campaign_number = list_segment.campaign_number AND stay.segment = list_segment.segment
ANTI JOIN left_out ON stay.campaign_number = left_out.campaign_number AND stay.customer_id = left_out.customer_id

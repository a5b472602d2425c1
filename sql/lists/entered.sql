-- When members of campaigns that write at each entry came in for the last time: from then on they, or an account that
-- was merged into theirs, have been in one of the campaign's segments or another without a night outside.
-- Grain: campaign and customer.
WITH stay AS (
    SELECT DISTINCT
        list_segment.campaign_number,
        COALESCE(merged_account.person_id, history.customer_id) AS customer_id,
        history.valid_from,
        COALESCE(history.valid_to, DATE '9999-12-31') AS valid_to
    FROM list_segment
    INNER JOIN customer_segment_history AS history ON list_segment.segment = history.segment
    LEFT JOIN list_merged_account AS merged_account ON history.customer_id = merged_account.account_id
    WHERE list_segment.is_each_entry
),

reached AS (
    SELECT
        campaign_number,
        customer_id,
        valid_from,
        MAX(valid_to) OVER (
            PARTITION BY campaign_number, customer_id
            ORDER BY valid_from, valid_to ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS reached
    FROM stay
)

SELECT
    campaign_number,
    customer_id,
    MAX(valid_from) AS entered_date
FROM reached
WHERE reached IS NULL OR valid_from > reached
GROUP BY campaign_number, customer_id

-- The days of an assigned customer's outcome, and of their pre-period: four windows, at least 90 days, or what of them
-- the data cover.
-- Grain: campaign and customer.
WITH history_begin AS (
    SELECT MIN(business_date) AS first_date
    FROM customer_day
),

windowed AS (
    SELECT
        c.*,
        h.first_date,
        CAST(DATE_DIFF('day', c.counts_from, c.window_end_date) + 1 AS INTEGER) AS length
    FROM campaign_customer AS c
    CROSS JOIN history_begin AS h
),

reaching AS (
    SELECT
        windowed.*,
        LEAST(GREATEST(counts_from - GREATEST(4 * length, 90), first_date), counts_from) AS pre_from
    FROM windowed
)

SELECT
    campaign_id,
    customer_id,
    arm,
    control_share,
    assigned_date,
    assigned_at,
    counts_from,
    window_end_date,
    length,
    CASE WHEN first_date IS NULL THEN counts_from ELSE pre_from END AS pre_from,
    CASE
        WHEN first_date IS NULL THEN 0
        ELSE CAST(FLOOR(CAST(DATE_DIFF('day', pre_from, counts_from) AS DOUBLE) / NULLIF(length, 0)) AS BIGINT)
    END AS pre_window_count
FROM reaching

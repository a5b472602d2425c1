-- Stretches of more than 14 days in which a store sold nothing: before it opened, pauses, since it closed.
-- Grain: store and the stretch's first day. Of a store without any sale there is none.
WITH sale_day AS (
    SELECT
        cut_value AS store_id,
        period_start AS business_date,
        LAG(period_start) OVER (PARTITION BY cut_value ORDER BY period_start) AS earlier_date
    FROM kpi_period
    WHERE period = 'day' AND cut = 'store' AND cut_value <> 'unknown' AND receipts > 0
),

of_data AS (
    SELECT
        MIN(business_date) AS first_date,
        MAX(business_date) AS last_date
    FROM calendar
),

of_store AS (
    SELECT
        store_id,
        MIN(business_date) AS first_sale_date,
        MAX(business_date) AS last_sale_date
    FROM sale_day
    GROUP BY store_id
),

stretch AS (
    SELECT
        store_id,
        'pause' AS stretch_kind,
        earlier_date + 1 AS from_date,
        business_date - 1 AS until_date
    FROM sale_day
    WHERE earlier_date IS NOT NULL
    UNION ALL
    SELECT
        s.store_id,
        'before_opening' AS stretch_kind,
        d.first_date AS from_date,
        s.first_sale_date - 1 AS until_date
    FROM of_store AS s
    CROSS JOIN of_data AS d
    UNION ALL
    SELECT
        s.store_id,
        'since_closing' AS stretch_kind,
        s.last_sale_date + 1 AS from_date,
        d.last_date AS until_date
    FROM of_store AS s
    CROSS JOIN of_data AS d
)

SELECT
    store_id,
    stretch_kind,
    from_date,
    until_date
FROM stretch
WHERE DATE_DIFF('day', from_date, until_date) >= 14

-- Sales of each period that is worked out, by every cut but the category's.
-- Grain: period, its start, cut and cut value. A segment has who was in it on the night before the period began.
WITH part AS (
    SELECT
        c.*,
        c.cut AS part_cut,
        c.cut_value AS part_value
    FROM customer_cut AS c
    UNION ALL
    SELECT
        c.*,
        'acquisition_source' AS part_cut,
        c.acquisition_source AS part_value
    FROM customer_cut AS c
    WHERE c.cut = 'all'
    UNION ALL
    SELECT
        c.*,
        'segment' AS part_cut,
        h.segment AS part_value
    FROM customer_cut AS c
    INNER JOIN history.customer_segment_history AS h
        ON
            c.customer_id = h.customer_id
            AND c.period_start > h.valid_from
            AND (h.valid_to IS NULL OR c.period_start <= h.valid_to)
    WHERE c.cut = 'all'
),

told AS (
    SELECT
        *,
        customer_id IS NOT NULL AND receipts > 0 AS is_buyer,
        COALESCE(first_order_date >= period_start AND NOT is_left_censored, FALSE) AS is_new,
        COALESCE(first_order_date < period_start, FALSE) AS is_known_before
    FROM part
)

SELECT
    period,
    period_start,
    part_cut AS cut,
    part_value AS cut_value,
    CAST(SUM(revenue) AS DECIMAL(38, 2)) AS revenue,
    CAST(SUM(CASE WHEN customer_id IS NOT NULL THEN revenue ELSE 0 END) AS DECIMAL(38, 2)) AS member_revenue,
    CAST(SUM(CASE WHEN is_new THEN revenue ELSE 0 END) AS DECIMAL(38, 2)) AS new_revenue,
    CAST(SUM(CASE WHEN is_known_before THEN revenue ELSE 0 END) AS DECIMAL(38, 2)) AS returning_revenue,
    CAST(SUM(sale_revenue) AS DECIMAL(38, 2)) AS sale_revenue,
    CAST(SUM(member_sale_revenue) AS DECIMAL(38, 2)) AS member_sale_revenue,
    CASE WHEN SUM(unknown_margins) = 0 THEN CAST(SUM(gross_margin) AS DECIMAL(38, 2)) END AS gross_margin,
    CAST(SUM(receipts) AS BIGINT) AS receipts,
    CAST(SUM(return_receipts) AS BIGINT) AS return_receipts,
    CAST(SUM(member_receipts) AS BIGINT) AS member_receipts,
    CAST(SUM(CASE WHEN customer_id IS NOT NULL THEN receipts ELSE 0 END) AS BIGINT) AS orders,
    COUNT(CASE WHEN is_buyer THEN 1 END) AS buyers,
    COUNT(CASE WHEN member_receipts > 0 THEN 1 END) AS member_buyers,
    COUNT(CASE WHEN is_buyer AND is_new THEN 1 END) AS new_buyers,
    COUNT(CASE WHEN is_buyer AND is_known_before THEN 1 END) AS returning_buyers,
    COUNT(CASE WHEN is_buyer AND receipts > 1 THEN 1 END) AS repeat_buyers,
    COUNT(CASE WHEN is_back THEN 1 END) AS reactivated_buyers,
    CAST(SUM(sale_lines) AS BIGINT) AS sale_lines,
    CAST(SUM(quantity) AS DECIMAL(38, 3)) AS quantity
FROM told
GROUP BY period, period_start, part_cut, part_value

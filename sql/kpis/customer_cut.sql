-- What each customer bought in each period that is worked out: in all, in a channel, in a store and in a region.
-- Grain: period, its start, cut, cut value and customer (one row for the receipts without one).
SELECT
    d.period,
    d.period_start,
    k.cut,
    CASE k.cut
        WHEN 'all' THEN 'all'
        WHEN 'channel' THEN s.sales_channel
        WHEN 'store' THEN s.store_id
        WHEN 'region' THEN s.store_region
    END AS cut_value,
    s.customer_id,
    MAX(s.acquisition_source) AS acquisition_source,
    MAX(s.first_order_date) AS first_order_date,
    MAX(s.enrolled_date) AS enrolled_date,
    COUNT(CASE WHEN s.is_left_censored THEN 1 END) > 0 AS is_left_censored,
    COUNT(CASE WHEN s.is_back THEN 1 END) > 0 AS is_back,
    COUNT(CASE WHEN s.is_sale THEN 1 END) AS receipts,
    COUNT(CASE WHEN s.is_return THEN 1 END) AS return_receipts,
    COUNT(CASE WHEN s.is_sale AND s.is_of_member THEN 1 END) AS member_receipts,
    COUNT(CASE WHEN s.has_unknown_margin THEN 1 END) AS unknown_margins,
    CAST(SUM(s.revenue) AS DECIMAL(38, 2)) AS revenue,
    CAST(SUM(CASE WHEN s.is_sale THEN s.revenue ELSE 0 END) AS DECIMAL(38, 2)) AS sale_revenue,
    CAST(SUM(CASE WHEN s.is_sale AND s.is_of_member THEN s.revenue ELSE 0 END) AS DECIMAL(38, 2))
        AS member_sale_revenue,
    CAST(SUM(COALESCE(s.gross_margin, 0)) AS DECIMAL(38, 2)) AS gross_margin,
    CAST(SUM(CASE WHEN s.is_sale THEN s.line_count ELSE 0 END) AS BIGINT) AS sale_lines,
    CAST(SUM(COALESCE(s.quantity, 0)) AS DECIMAL(38, 3)) AS quantity
FROM sold AS s
INNER JOIN kpi_day AS d ON s.business_date = d.business_date
CROSS JOIN (VALUES ('all'), ('channel'), ('store'), ('region')) AS k (cut)
GROUP BY d.period, d.period_start, k.cut, cut_value, s.customer_id

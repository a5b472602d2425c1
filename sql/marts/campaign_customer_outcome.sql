-- What each assigned customer bought in the days that count of a campaign, and in as many days before them.
-- Grain: campaign and customer, delivered or not. The window runs from counts_from to its last day, both included; the
-- day of an assignment with a time is in it from that moment on.
-- What was bought before is NULL where the days before it begin earlier than the data: nothing is known of them.
WITH history_begin AS (
    SELECT MIN(business_date) AS first_date
    FROM customer_day
),

assigned AS (  -- with the first day before, and whether the data reach back to it
    SELECT
        c.*,
        c.counts_from - CAST(DATE_DIFF('day', c.counts_from, c.window_end_date) + 1 AS INTEGER) AS pre_from,
        h.first_date
        <= c.counts_from - CAST(DATE_DIFF('day', c.counts_from, c.window_end_date) + 1 AS INTEGER) AS is_known
    FROM campaign_customer AS c
    CROSS JOIN history_begin AS h
),

span AS (  -- so that only these days are read
    SELECT
        MIN(pre_from) AS from_date,
        MAX(window_end_date) AS to_date
    FROM assigned
),

placed AS (
    SELECT
        a.campaign_id,
        a.customer_id,
        d.order_count,
        d.net_revenue,
        d.gross_margin,
        d.business_date >= a.counts_from AS is_during
    FROM assigned AS a
    CROSS JOIN span
    INNER JOIN customer_day AS d
        ON
            d.business_date BETWEEN span.from_date AND span.to_date
            AND a.customer_id = d.customer_id
            AND a.window_end_date >= d.business_date
            AND a.pre_from <= d.business_date
    WHERE a.assigned_at IS NULL OR d.business_date <> a.assigned_date
    UNION ALL
    SELECT
        a.campaign_id,
        a.customer_id,
        CASE WHEN r.is_return THEN 0 ELSE 1 END AS order_count,
        r.revenue AS net_revenue,
        r.gross_margin,
        r.issued_at > a.assigned_at AS is_during
    FROM assigned AS a
    INNER JOIN person_receipt AS r ON a.customer_id = r.customer_id AND a.assigned_date = r.business_date
    WHERE a.assigned_at IS NOT NULL
),

summed AS (
    SELECT
        campaign_id,
        customer_id,
        SUM(order_count) FILTER (WHERE is_during) AS order_count,
        SUM(net_revenue) FILTER (WHERE is_during) AS revenue,
        SUM(gross_margin) FILTER (WHERE is_during) AS gross_margin,
        COUNT(*) FILTER (WHERE is_during AND gross_margin IS NULL) AS days_without_margin,
        SUM(order_count) FILTER (WHERE NOT is_during) AS pre_order_count,
        SUM(net_revenue) FILTER (WHERE NOT is_during) AS pre_revenue,
        SUM(gross_margin) FILTER (WHERE NOT is_during) AS pre_gross_margin,
        COUNT(*) FILTER (WHERE NOT is_during AND gross_margin IS NULL) AS pre_days_without_margin
    FROM placed
    GROUP BY campaign_id, customer_id
)

SELECT
    a.campaign_id,
    a.customer_id,
    a.arm,
    a.assigned_date,
    a.window_end_date,
    DATE_DIFF('day', a.assigned_date, a.window_end_date) AS window_days,
    CAST(COALESCE(s.order_count, 0) AS BIGINT) AS order_count,
    CAST(COALESCE(s.revenue, 0) AS DECIMAL(18, 2)) AS revenue,
    CASE WHEN COALESCE(s.days_without_margin, 0) = 0 THEN CAST(COALESCE(s.gross_margin, 0) AS DECIMAL(18, 2)) END
        AS gross_margin,
    CASE WHEN a.is_known THEN CAST(COALESCE(s.pre_order_count, 0) AS BIGINT) END AS pre_order_count,
    CASE WHEN a.is_known THEN CAST(COALESCE(s.pre_revenue, 0) AS DECIMAL(18, 2)) END AS pre_revenue,
    CASE
        WHEN a.is_known AND COALESCE(s.pre_days_without_margin, 0) = 0
            THEN CAST(COALESCE(s.pre_gross_margin, 0) AS DECIMAL(18, 2))
    END AS pre_gross_margin
FROM assigned AS a
LEFT JOIN summed AS s ON a.campaign_id = s.campaign_id AND a.customer_id = s.customer_id

-- What each assigned customer bought from the assignment to the window's last day, and in as many days before it.
-- Grain: campaign and customer, delivered or not. The window includes its last day and the day of assignment.
-- What was bought before is NULL where the days before it begin earlier than the data: nothing is known of them.
WITH span AS (  -- so that only these days are read
    SELECT
        MIN(assigned_date - CAST(DATE_DIFF('day', assigned_date, window_end_date) AS INTEGER)) - 1 AS from_date,
        MAX(window_end_date) AS to_date
    FROM campaign_customer
),

history_begin AS (
    SELECT MIN(business_date) AS first_date
    FROM customer_day
),

placed AS (
    SELECT
        campaign_customer.campaign_id,
        campaign_customer.customer_id,
        customer_day.order_count,
        customer_day.net_revenue,
        customer_day.gross_margin,
        customer_day.business_date >= campaign_customer.assigned_date AS is_during
    FROM campaign_customer
    CROSS JOIN span
    INNER JOIN customer_day
        ON
            customer_day.business_date BETWEEN span.from_date AND span.to_date
            AND campaign_customer.customer_id = customer_day.customer_id
            AND campaign_customer.window_end_date >= customer_day.business_date
            AND DATE_DIFF('day', customer_day.business_date, campaign_customer.assigned_date)
            <= DATE_DIFF('day', campaign_customer.assigned_date, campaign_customer.window_end_date) + 1
),

assigned AS (  -- with whether the data reach back over all the days before
    SELECT
        c.*,
        DATE_DIFF('day', c.assigned_date, c.window_end_date) AS window_days,
        DATE_DIFF('day', h.first_date, c.assigned_date)
        > DATE_DIFF('day', c.assigned_date, c.window_end_date) AS is_known
    FROM campaign_customer AS c
    CROSS JOIN history_begin AS h
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
    a.window_days,
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

-- What assigned customers bought in the window of a campaign, in the pre-period and in the window after the window, by
-- stretches as long as the window.
-- Grain: campaign, customer and place: -2 is the window after the window, -1 the window itself, 0 the stretch right
-- before, 1 the one before that.
-- The day of an assignment with a time is in the window from that moment on.
WITH span AS (  -- so that only these days are read
    SELECT
        MIN(pre_from) AS from_date,
        MAX(window_end_date + length) AS to_date
    FROM campaign_period
),

placed AS (
    SELECT
        a.campaign_id,
        a.customer_id,
        a.pre_window_count,
        CASE
            WHEN d.business_date > a.window_end_date THEN -2
            WHEN d.business_date >= a.counts_from THEN -1
            ELSE FLOOR(
                CAST(DATE_DIFF('day', d.business_date, a.counts_from) - 1 AS DOUBLE) / NULLIF(a.length, 0)
            )
        END AS place,
        d.order_count,
        d.net_revenue,
        COALESCE(d.gross_margin, d.costed_margin, 0) AS margin,
        COALESCE(d.uncosted_revenue, 0) AS uncosted_revenue
    FROM campaign_period AS a
    CROSS JOIN span
    INNER JOIN customer_day AS d
        ON
            d.business_date BETWEEN span.from_date AND span.to_date
            AND a.customer_id = d.customer_id
            AND a.window_end_date + a.length >= d.business_date
            AND a.pre_from <= d.business_date
    WHERE a.assigned_at IS NULL OR d.business_date <> a.assigned_date
    UNION ALL
    SELECT
        a.campaign_id,
        a.customer_id,
        a.pre_window_count,
        CASE WHEN r.issued_at > a.assigned_at THEN -1 ELSE 0 END AS place,
        CASE WHEN r.is_return THEN 0 ELSE 1 END AS order_count,
        r.revenue AS net_revenue,
        COALESCE(r.gross_margin, r.costed_margin, 0) AS margin,
        COALESCE(r.uncosted_revenue, 0) AS uncosted_revenue
    FROM campaign_period AS a
    INNER JOIN person_receipt AS r ON a.customer_id = r.customer_id AND a.assigned_date = r.business_date
    WHERE a.assigned_at IS NOT NULL
)

SELECT
    campaign_id,
    customer_id,
    CAST(place AS BIGINT) AS place,
    MIN(pre_window_count) AS pre_window_count,
    CAST(SUM(order_count) AS BIGINT) AS order_count,
    CAST(SUM(net_revenue) AS DECIMAL(18, 2)) AS revenue,
    CAST(SUM(margin) AS DECIMAL(18, 2)) AS costed_margin,
    CAST(SUM(uncosted_revenue) AS DECIMAL(18, 2)) AS uncosted_revenue
FROM placed
GROUP BY campaign_id, customer_id, place

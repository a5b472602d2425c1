-- Purchase days (net spend above 0) and their revenue: in the window after the origin, as known now, and in the window
-- of the same length up to it, as known then. Grain: customer_id with a purchase day in one of the two.
WITH after_origin AS (
    SELECT
        d.customer_id,
        COUNT(*) AS purchase_days,
        SUM(d.net_spend) AS revenue
    FROM days_known_now AS d
    INNER JOIN outcome_window AS w ON d.business_date BETWEEN w.label_from_date AND w.label_to_date
    WHERE d.net_spend > 0
    GROUP BY d.customer_id
),

before_origin AS (
    SELECT
        d.customer_id,
        COUNT(*) AS purchase_days,
        SUM(d.net_spend) AS revenue
    FROM days_known_at_origin AS d
    INNER JOIN outcome_window AS w ON d.business_date BETWEEN w.last_from_date AND w.as_of_date
    WHERE d.net_spend > 0
    GROUP BY d.customer_id
)

SELECT
    COALESCE(a.customer_id, b.customer_id) AS customer_id,
    COALESCE(a.purchase_days, 0) AS purchase_days,
    CAST(COALESCE(a.revenue, 0) AS DECIMAL(38, 2)) AS revenue,
    COALESCE(b.purchase_days, 0) AS purchase_days_before,
    CAST(COALESCE(b.revenue, 0) AS DECIMAL(38, 2)) AS revenue_before
FROM after_origin AS a
FULL JOIN before_origin AS b ON a.customer_id = b.customer_id

-- Of the members who were active on a day, those who ordered nothing in the churn horizon after it.
-- Grain: business date whose horizon is over.
WITH edge AS (  -- +1 on the first day of which this is so, -1 on the first day of which it no longer is
    SELECT
        active_from_date AS business_date,
        buyers AS customers
    FROM customer_sales_daily
    WHERE churned_until_date IS NOT NULL
    UNION ALL
    SELECT
        churned_until_date AS business_date,
        -buyers AS customers
    FROM customer_sales_daily
    WHERE churned_until_date IS NOT NULL
),

daily AS (
    SELECT
        business_date,
        SUM(customers) AS customers
    FROM edge
    GROUP BY business_date
),

counted AS (
    SELECT
        c.business_date,
        SUM(d.customers) OVER (ORDER BY c.business_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS customers
    FROM calendar AS c
    LEFT JOIN daily AS d ON c.business_date = d.business_date
)

SELECT
    c.business_date,
    CAST(COALESCE(c.customers, 0) AS BIGINT) AS churned_members
FROM counted AS c
INNER JOIN night AS n ON c.business_date + n.churn_horizon_days <= n.run_date

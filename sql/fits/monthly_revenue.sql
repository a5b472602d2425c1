-- How many customers and products brought which revenue in a month, up to thirteen complete months back.
-- Grain: unit, month and revenue above 0 in hundredths; service accounts and gift cards are left out.
WITH beginning AS (
    SELECT MIN(business_date) AS data_start_date FROM customer_day
),

month_revenue AS (
    SELECT
        'customer' AS unit,
        d.customer_id AS unit_id,
        CAST(DATE_TRUNC('month', d.business_date) AS DATE) AS month_date,
        SUM(d.net_revenue) AS revenue
    FROM customer_day AS d
    INNER JOIN night AS n ON d.business_date > n.run_date - 430
    LEFT JOIN service_account AS s ON d.customer_id = s.customer_id
    WHERE s.customer_id IS NULL
    GROUP BY d.customer_id, CAST(DATE_TRUNC('month', d.business_date) AS DATE)
    UNION ALL
    SELECT
        'product' AS unit,
        product_id AS unit_id,
        CAST(DATE_TRUNC('month', business_date) AS DATE) AS month_date,
        SUM(revenue) AS revenue
    FROM product_day
    GROUP BY product_id, CAST(DATE_TRUNC('month', business_date) AS DATE)
)

SELECT
    m.unit,
    m.month_date,
    CAST(m.revenue * 100 AS BIGINT) AS hundredths,
    COUNT(*) AS unit_count
FROM month_revenue AS m
CROSS JOIN night AS n
CROSS JOIN beginning AS b
WHERE
    m.revenue > 0
    AND m.month_date >= b.data_start_date
    AND m.month_date < DATE_TRUNC('month', n.run_date + 1)
    AND m.month_date >= DATE_TRUNC('month', n.run_date + 1) - INTERVAL 13 MONTH
GROUP BY m.unit, m.month_date, m.revenue
ORDER BY m.unit, m.month_date, hundredths

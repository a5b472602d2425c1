-- What a customer spent in the horizon before a day, in the one before that, in the year and in the horizon after.
-- Grain: customer and as_of_date (tonight; earlier cut-offs to learn from); who had an order in the 365 days before it.
WITH cut_off AS (
    SELECT
        as_of_date,
        label_from_date,
        label_to_date,
        label_to_date <= run_date AS is_over,
        DATE_DIFF('day', label_from_date, label_to_date) + 1 AS horizon_days
    FROM feature_date
    CROSS JOIN night
),

day_of_customer AS (
    SELECT
        d.customer_id,
        d.order_count,
        d.net_revenue,
        c.as_of_date,
        c.is_over,
        c.horizon_days,
        DATE_DIFF('day', d.business_date, c.as_of_date) AS days_ago,
        d.business_date BETWEEN c.label_from_date AND c.label_to_date AS is_next
    FROM customer_day AS d
    INNER JOIN cut_off AS c
        ON
            d.business_date <= c.label_to_date
            AND DATE_DIFF('day', d.business_date, c.as_of_date) < GREATEST(365, 2 * c.horizon_days)
),

spend AS (
    SELECT
        customer_id,
        as_of_date,
        MIN(CASE WHEN order_count > 0 AND days_ago >= 0 THEN days_ago END) AS days_since_last_order,
        COUNT(CASE WHEN order_count > 0 AND days_ago BETWEEN 0 AND 364 THEN 1 END) AS order_day_count,
        SUM(CASE WHEN days_ago BETWEEN 0 AND 364 THEN net_revenue ELSE 0 END) AS revenue_365d,
        SUM(CASE WHEN days_ago >= 0 AND days_ago < horizon_days THEN net_revenue ELSE 0 END) AS spend_last,
        SUM(CASE WHEN days_ago >= horizon_days AND days_ago < 2 * horizon_days THEN net_revenue ELSE 0 END)
            AS spend_before,
        CASE WHEN is_over THEN SUM(CASE WHEN is_next THEN net_revenue ELSE 0 END) END AS spend_next
    FROM day_of_customer
    GROUP BY customer_id, as_of_date, is_over
)

SELECT
    s.customer_id,
    s.as_of_date,
    s.days_since_last_order,
    DATE_DIFF('day', t.first_order_date, s.as_of_date) AS days_since_first_order,
    s.order_day_count,
    CASE
        WHEN DATE_DIFF('day', t.first_order_date, s.as_of_date) < 90 THEN 'under 90 days'
        WHEN DATE_DIFF('day', t.first_order_date, s.as_of_date) < 365 THEN '90 to 364 days'
        ELSE 'a year or more'
    END AS tenure_band,
    CASE
        WHEN s.order_day_count = 1 THEN '1'
        WHEN s.order_day_count < 4 THEN '2 to 3'
        WHEN s.order_day_count < 8 THEN '4 to 7'
        WHEN s.order_day_count < 16 THEN '8 to 15'
        WHEN s.order_day_count < 32 THEN '16 to 31'
        ELSE '32 or more'
    END AS order_band,
    CAST(s.revenue_365d AS DECIMAL(38, 2)) AS revenue_365d,
    CAST(s.spend_last AS DECIMAL(38, 2)) AS spend_last,
    CAST(s.spend_before AS DECIMAL(38, 2)) AS spend_before,
    CAST(s.spend_next AS DECIMAL(38, 2)) AS spend_next
FROM spend AS s
INNER JOIN customer_totals AS t ON s.customer_id = t.customer_id
WHERE s.days_since_last_order < 365

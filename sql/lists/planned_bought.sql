-- What each customer that a plan is made of bought in the last window of days; who has no receipt in it is left out.
-- Grain: campaign and customer. gross_margin is NULL if that of one day is unknown.
WITH planned AS (
    SELECT DISTINCT
        list_channel.campaign_number,
        list_setting.run_date - CAST(list_channel.window_days AS INTEGER) AS after_date,
        list_setting.run_date
    FROM list_channel
    CROSS JOIN list_setting
),

span AS (  -- so that only these days are read
    SELECT MIN(after_date) AS after_date
    FROM planned
)

SELECT
    customer.campaign_number,
    customer.customer_id,
    CAST(SUM(d.order_count) AS BIGINT) AS order_count,
    CAST(SUM(d.net_revenue) AS DECIMAL(18, 2)) AS revenue,
    CAST(CASE WHEN COUNT(d.gross_margin) = COUNT(*) THEN SUM(d.gross_margin) END AS DECIMAL(18, 2)) AS gross_margin
FROM customer_day AS d
INNER JOIN span ON d.business_date > span.after_date
INNER JOIN list_planned_customer AS customer ON d.customer_id = customer.customer_id
INNER JOIN planned
    ON
        customer.campaign_number = planned.campaign_number
        AND d.business_date > planned.after_date
        AND d.business_date <= planned.run_date
GROUP BY customer.campaign_number, customer.customer_id

-- What the loyal of an earlier window bought in the two windows since: chosen in one, compared in two others.
-- Grain: whether a customer was among the loyal of the window before the last two. Windows have active_days each.
WITH beginning AS (
    SELECT MIN(business_date) AS data_start_date FROM customer_day
),

windowed AS (
    SELECT
        d.customer_id,
        SUM(CASE WHEN DATE_DIFF('day', d.business_date, n.run_date) >= 2 * n.active_days THEN d.order_count ELSE 0 END)
            AS chosen_orders,
        SUM(CASE WHEN DATE_DIFF('day', d.business_date, n.run_date) >= 2 * n.active_days THEN d.net_revenue ELSE 0 END)
            AS chosen_revenue,
        SUM(
            CASE
                WHEN DATE_DIFF('day', d.business_date, n.run_date) BETWEEN n.active_days AND 2 * n.active_days - 1
                    THEN d.order_count
                ELSE 0
            END
        ) AS before_orders,
        SUM(
            CASE
                WHEN DATE_DIFF('day', d.business_date, n.run_date) BETWEEN n.active_days AND 2 * n.active_days - 1
                    THEN d.net_revenue
                ELSE 0
            END
        ) AS before_revenue,
        SUM(CASE WHEN DATE_DIFF('day', d.business_date, n.run_date) < n.active_days THEN d.order_count ELSE 0 END)
            AS last_orders,
        SUM(CASE WHEN DATE_DIFF('day', d.business_date, n.run_date) < n.active_days THEN d.net_revenue ELSE 0 END)
            AS last_revenue
    FROM customer_day AS d
    INNER JOIN night AS n ON DATE_DIFF('day', d.business_date, n.run_date) < 3 * n.active_days
    INNER JOIN beginning AS b ON DATE_DIFF('day', b.data_start_date, n.run_date) >= 3 * n.active_days - 1
    LEFT JOIN service_account AS s ON d.customer_id = s.customer_id
    WHERE s.customer_id IS NULL
    GROUP BY d.customer_id
),

placed AS (  -- the loyal are those of value 5 in RFM, by the orders and the revenue of that window alone
    SELECT
        *,
        5 * (RANK() OVER (ORDER BY chosen_orders) + RANK() OVER (ORDER BY chosen_revenue) - 2)
        >= 8 * COUNT(*) OVER () AS is_loyal
    FROM windowed
    WHERE chosen_orders > 0
)

SELECT
    is_loyal,
    COUNT(*) AS customers,
    CAST(SUM(chosen_revenue) AS DOUBLE) / NULLIF(COUNT(*), 0) AS chosen_revenue_per_customer,
    CAST(SUM(before_revenue) AS DOUBLE) / NULLIF(COUNT(*), 0) AS before_revenue_per_customer,
    CAST(SUM(last_revenue) AS DOUBLE) / NULLIF(COUNT(*), 0) AS last_revenue_per_customer,
    CAST(COUNT(CASE WHEN before_orders > 0 THEN 1 END) AS DOUBLE) / NULLIF(COUNT(*), 0) AS before_buyer_rate,
    CAST(COUNT(CASE WHEN last_orders > 0 THEN 1 END) AS DOUBLE) / NULLIF(COUNT(*), 0) AS last_buyer_rate
FROM placed
GROUP BY is_loyal

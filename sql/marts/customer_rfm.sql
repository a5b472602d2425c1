-- RFM over all history: a score is 1 + floor(5 x share of customers strictly worse), so equal values share it.
-- Grain: customer with an order.
WITH ranked AS (
    SELECT
        customer_totals.customer_id,
        DATE_DIFF('day', customer_totals.first_order_date, night.run_date) < night.active_days AS is_new,
        DATE_DIFF('day', customer_totals.first_order_date, customer_totals.last_order_date) AS buying_days,
        DATE_DIFF('day', customer_totals.last_order_date, night.run_date) AS days_since_last_order,
        customer_totals.order_count,
        customer_totals.revenue,
        COUNT(*) OVER () AS customers,
        RANK() OVER (ORDER BY customer_totals.last_order_date) - 1 AS less_recent_customers,
        RANK() OVER (ORDER BY customer_totals.order_count) - 1 AS less_frequent_customers,
        RANK() OVER (ORDER BY customer_totals.revenue) - 1 AS lower_revenue_customers
    FROM customer_totals
    CROSS JOIN night
    WHERE customer_totals.order_count > 0
),

scored AS (
    SELECT
        r.*,
        CAST(1 + FLOOR(CAST(5 * r.less_recent_customers AS DOUBLE) / NULLIF(r.customers, 0)) AS INTEGER)
            AS recency_score,
        CAST(1 + FLOOR(CAST(5 * r.less_frequent_customers AS DOUBLE) / NULLIF(r.customers, 0)) AS INTEGER)
            AS frequency_score,
        CAST(1 + FLOOR(CAST(5 * r.lower_revenue_customers AS DOUBLE) / NULLIF(r.customers, 0)) AS INTEGER)
            AS monetary_score,
        CAST(r.less_frequent_customers + r.lower_revenue_customers AS DOUBLE) / NULLIF(2 * r.customers, 0)
            AS value_share,
        1 + FLOOR(
            CAST(5 * (r.less_frequent_customers + r.lower_revenue_customers) AS DOUBLE) / NULLIF(2 * r.customers, 0)
        ) AS value,
        -- Without a model, as if at random at their mean gap: .05 after three of them, .01 after 4.6, .001 after 6.9.
        COALESCE(
            n.p_longer_gap,
            ROUND(EXP(CAST(-r.days_since_last_order * g.gap_count AS DOUBLE) / NULLIF(r.buying_days, 0)), 6)
        ) AS p_longer_gap,
        -- All customers have one regularity in the model. Who has stayed away twenty times has shown their own.
        CASE
            WHEN g.gap_count >= 20 AND r.days_since_last_order >= g.long_gap_days THEN 0.05
            WHEN g.gap_count IS NULL AND r.days_since_last_order >= 730 THEN 0.01
            WHEN g.gap_count IS NULL AND r.days_since_last_order >= 365 THEN 0.05
        END AS latest
    FROM ranked AS r
    LEFT JOIN customer_next_order AS n ON r.customer_id = n.customer_id
    LEFT JOIN customer_gap AS g ON r.customer_id = g.customer_id
),

timed AS (
    SELECT
        *,
        LEAST(p_longer_gap, latest) AS lateness
    FROM scored
)

-- A segment is a function of the history: neither of the night before nor of who else happened to buy today. The first
-- condition that holds decides; a lateness that is unknown is on time.
SELECT
    customer_id,
    days_since_last_order,
    order_count,
    revenue,
    recency_score,
    frequency_score,
    monetary_score,
    value_share,
    lateness,
    CASE
        WHEN lateness <= 0.001 THEN 'lost'
        WHEN lateness <= 0.01 AND value = 5 THEN 'cant_lose'
        WHEN lateness <= 0.01 AND value >= 3 THEN 'at_risk'
        WHEN lateness <= 0.01 THEN 'hibernating'
        WHEN lateness <= 0.05 AND value >= 3 THEN 'need_attention'
        WHEN lateness <= 0.05 THEN 'about_to_sleep'
        WHEN value = 5 THEN 'champions'
        WHEN value = 4 THEN 'loyal'
        WHEN value = 3 THEN 'potential_loyalist'
        WHEN is_new THEN 'new'
        ELSE 'promising'
    END AS rfm_segment
FROM timed

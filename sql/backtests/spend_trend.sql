-- How spend had moved over two horizons, at the origin and at the earlier one, as known at the origin. The earlier
-- columns are NULL without an order in the 365 days before, and for all customers if the data do not reach back so far.
-- Grain: customer_id. Spend below 0 counts as 0.
WITH spend AS (
    SELECT
        d.customer_id,
        SUM(CASE WHEN d.business_date BETWEEN w.last_from_date AND w.as_of_date THEN d.net_spend END) AS last_spend,
        SUM(
            CASE
                WHEN d.business_date >= w.previous_from_date AND d.business_date < w.last_from_date THEN d.net_spend
            END
        ) AS previous_spend,
        SUM(
            CASE WHEN d.business_date BETWEEN w.earlier_last_from_date AND w.earlier_as_of_date THEN d.net_spend END
        ) AS earlier_last_spend,
        SUM(
            CASE
                WHEN d.business_date >= w.earlier_previous_from_date AND d.business_date < w.earlier_last_from_date
                    THEN d.net_spend
            END
        ) AS earlier_previous_spend,
        COUNT(
            CASE
                WHEN
                    w.history_from_date <= w.earlier_previous_from_date
                    AND d.order_count > 0
                    AND DATE_DIFF('day', d.business_date, w.earlier_as_of_date) BETWEEN 0 AND 364
                    THEN 1
            END
        ) AS earlier_order_days
    FROM days_known_at_origin AS d
    CROSS JOIN outcome_window AS w
    GROUP BY d.customer_id
),

positive AS (
    SELECT
        customer_id,
        GREATEST(COALESCE(last_spend, 0), 0) AS last_spend,
        GREATEST(COALESCE(previous_spend, 0), 0) AS previous_spend,
        GREATEST(COALESCE(earlier_last_spend, 0), 0) AS earlier_last_spend,
        GREATEST(COALESCE(earlier_previous_spend, 0), 0) AS earlier_previous_spend,
        earlier_order_days > 0 AS is_known_earlier
    FROM spend
)

SELECT
    customer_id,
    CASE WHEN last_spend = 0 THEN 'to nothing' WHEN last_spend < previous_spend THEN 'down' ELSE 'same or up' END
        AS trend,
    CASE
        WHEN NOT is_known_earlier THEN NULL
        WHEN earlier_last_spend = 0 THEN 'to nothing'
        WHEN earlier_last_spend < earlier_previous_spend THEN 'down'
        ELSE 'same or up'
    END AS earlier_trend,
    CASE WHEN is_known_earlier THEN last_spend > earlier_last_spend END AS has_spent_more
FROM positive

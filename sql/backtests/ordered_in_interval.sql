-- Days from the origin to the next order: as forecast, as guessed without a model, and as it came within the window.
-- Guess: the customer's mean days between purchase days (of all customers, if they have one), but at least one day on.
-- Grain: customer with a forecast date; order_days is NULL if no order came by the window's end.
WITH first_order AS (
    SELECT
        d.customer_id,
        DATE_DIFF('day', w.as_of_date, MIN(d.business_date)) AS order_days
    FROM days_known_now AS d
    INNER JOIN outcome_window AS w ON d.business_date BETWEEN w.label_from_date AND w.label_to_date
    WHERE d.net_spend > 0
    GROUP BY d.customer_id, w.as_of_date
),

cadence AS (  -- of all customers
    SELECT CAST(SUM(p.recency_days) AS DOUBLE) / NULLIF(SUM(p.frequency), 0) AS days_between
    FROM customer_purchase_pattern AS p
    INNER JOIN customer_group AS g ON p.customer_id = g.customer_id
)

SELECT
    g.first_order_quarter,
    g.rfm_segment,
    p.frequency,
    p.recency_days,
    p.age_days,
    DATE_DIFF('day', w.as_of_date, f.next_order_low) AS low_days,
    DATE_DIFF('day', w.as_of_date, f.next_order_high) AS high_days,
    CAST(DATE_DIFF('day', w.as_of_date, f.next_order_date) AS DOUBLE) AS date_days,
    GREATEST(
        COALESCE(CAST(p.recency_days AS DOUBLE) / NULLIF(p.frequency, 0), c.days_between)
        - (p.age_days - p.recency_days),
        1
    ) AS guessed_days,
    CAST(o.order_days AS DOUBLE) AS order_days
FROM customer_next_order AS f
CROSS JOIN outcome_window AS w
CROSS JOIN cadence AS c
INNER JOIN customer_group AS g ON f.customer_id = g.customer_id
INNER JOIN customer_purchase_pattern AS p ON f.customer_id = p.customer_id
LEFT JOIN first_order AS o ON f.customer_id = o.customer_id
WHERE f.next_order_date IS NOT NULL
ORDER BY f.customer_id

-- Purchase days: the forecast for the window after the origin, and how many there were. Baseline: as many as in the
-- window before the origin; NULL if the data do not reach back so far.
-- Grain: customer with a forecast.
SELECT
    g.first_order_quarter,
    g.rfm_segment,
    f.expected_purchases AS predicted,
    CAST(COALESCE(p.purchase_days, 0) AS DOUBLE) AS actual,
    CASE
        WHEN w.history_from_date <= w.last_from_date THEN CAST(COALESCE(p.purchase_days_before, 0) AS DOUBLE)
    END AS baseline
FROM purchase_forecast AS f
CROSS JOIN outcome_window AS w
INNER JOIN customer_group AS g ON f.customer_id = g.customer_id
LEFT JOIN purchases AS p ON f.customer_id = p.customer_id
WHERE f.expected_purchases IS NOT NULL
ORDER BY f.customer_id

-- Revenue: the forecast for the window after the origin with its interval, and what came. Baseline: as much as in the
-- window before the origin; NULL if the data do not reach back so far.
-- Grain: customer with a forecast.
SELECT
    g.first_order_quarter,
    g.rfm_segment,
    f.clv_low AS low,
    f.clv_high AS high,
    f.clv AS predicted,
    CAST(COALESCE(p.revenue, 0) AS DOUBLE) AS actual,
    CASE
        WHEN w.history_from_date <= w.last_from_date THEN CAST(COALESCE(p.revenue_before, 0) AS DOUBLE)
    END AS baseline
FROM purchase_forecast AS f
CROSS JOIN outcome_window AS w
INNER JOIN customer_group AS g ON f.customer_id = g.customer_id
LEFT JOIN purchases AS p ON f.customer_id = p.customer_id
WHERE f.clv IS NOT NULL
ORDER BY f.customer_id

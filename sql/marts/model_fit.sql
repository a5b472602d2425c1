-- Parameters and measures of all models: fits, forecasts, drift and backtests.
-- Grain: model and metric.
WITH fits AS (
    SELECT * FROM clv_fit
    UNION ALL
    SELECT * FROM clv_forecast
    UNION ALL
    SELECT * FROM clv_drift
    UNION ALL
    SELECT * FROM tier_fit
    UNION ALL
    SELECT * FROM churn_fit
    UNION ALL
    SELECT * FROM churn_drift
    UNION ALL
    SELECT
        model,
        metric,
        value,
        note,
        trained_through
    FROM spend_growth_fit
    UNION ALL
    SELECT * FROM spend_growth_drift
    UNION ALL
    SELECT * FROM headroom_fit
    UNION ALL
    SELECT * FROM concentration_fit
    UNION ALL
    SELECT * FROM product_fit
    UNION ALL
    SELECT * FROM next_order_fit
    UNION ALL
    SELECT * FROM next_order_drift
    UNION ALL
    SELECT * FROM channel_fit
    UNION ALL
    SELECT * FROM backtest_latest
)

SELECT
    model,
    metric,
    value,
    note,
    trained_through
FROM fits

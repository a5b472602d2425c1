-- What the fits of all models say of themselves.
-- Grain: model and metric.
SELECT
    model,
    metric,
    value,
    note,
    trained_through
FROM clv_fit
UNION ALL
SELECT
    model,
    metric,
    value,
    note,
    trained_through
FROM churn_fit
UNION ALL
SELECT
    model,
    metric,
    value,
    note,
    trained_through
FROM growth_fit
UNION ALL
SELECT
    model,
    metric,
    value,
    note,
    trained_through
FROM channel_fit

-- Quality of each model, what its numbers rest on, and why a column is NULL.
-- Grain: model and metric.
WITH cost AS (
    SELECT
        COUNT(*) AS customer_days,
        CAST(COUNT(gross_margin) AS DOUBLE) / NULLIF(COUNT(*), 0) AS known_share
    FROM customer_day
),

returns AS (
    SELECT
        COUNT(*) AS return_count,
        CAST(COUNT(sale_receipt_id) AS DOUBLE) / NULLIF(COUNT(*), 0) AS linked_share,
        CAST(COALESCE(SUM(CASE WHEN sale_receipt_id IS NULL THEN returned_revenue END), 0) AS DOUBLE) AS unlinked
    FROM return_link
),

measured AS (
    SELECT COUNT(DISTINCT campaign_id) AS control_campaigns
    FROM campaign_effect
    WHERE method = 'randomised'
)

SELECT
    model,
    metric,
    value,
    note,
    trained_through
FROM model_fit
UNION ALL
SELECT
    'gross_margin' AS model,
    'known_share' AS metric,
    known_share AS value,
    CASE
        WHEN customer_days = 0 THEN 'No customer has bought yet.'
        WHEN known_share = 1 THEN 'The cost of goods is known for every purchase.'
        WHEN known_share = 0
            THEN 'gross_margin is NULL: the extracts bring no cost of goods (receipt_lines.cost_amount).'
        ELSE 'gross_margin is NULL wherever the cost of a line is missing; this is the share of customer days with it.'
    END AS note,
    CAST(NULL AS DATE) AS trained_through
FROM cost
UNION ALL
SELECT
    'promo_performance' AS model,
    'campaigns_with_control' AS metric,
    CAST(control_campaigns AS DOUBLE) AS value,
    'incremental_profit and roi are known where such a campaign hands out one promotion alone: promo_effect.' AS note,
    CAST(NULL AS DATE) AS trained_through
FROM measured
UNION ALL
SELECT
    'returns' AS model,
    'linked_share' AS metric,
    linked_share AS value,
    CASE
        WHEN return_count = 0 THEN 'No customer has returned anything yet.'
        ELSE 'Returns by customers whose sale is known, of all: the return names it, or product and price tell it.'
    END AS note,
    CAST(NULL AS DATE) AS trained_through
FROM returns
UNION ALL
SELECT
    'returns' AS model,
    'unlinked_revenue' AS metric,
    unlinked AS value,
    'Returned by customers without a sale that is known, in currency; revenue has it in full.' AS note,
    CAST(NULL AS DATE) AS trained_through
FROM returns

-- Lines sold below cost, given away, or at another price than the product's usual one that day, with the money.
-- Grain: finding, product (or offer of several products) and day.
WITH found AS (
    SELECT
        finding,
        subject_kind,
        subject_id,
        business_date,
        line_count,
        lost_amount,
        CAST(0 AS DECIMAL(18, 2)) AS overcharged_amount,
        receipt_id
    FROM below_cost
    UNION ALL
    SELECT
        finding,
        'product' AS subject_kind,
        product_id AS subject_id,
        business_date,
        line_count,
        lost_amount,
        overcharged_amount,
        receipt_id
    FROM price_difference
)

SELECT
    found.finding,
    found.subject_kind,
    found.subject_id,
    found.business_date,
    CAST(SUM(found.line_count) AS BIGINT) AS line_count,
    CAST(SUM(found.lost_amount) AS DECIMAL(18, 2)) AS lost_amount,
    CAST(SUM(found.overcharged_amount) AS DECIMAL(18, 2)) AS overcharged_amount,
    MIN(found.receipt_id) AS example_receipt_id,
    MAX(night.run_date) AS landing_date
FROM found
CROSS JOIN night
GROUP BY found.finding, found.subject_kind, found.subject_id, found.business_date

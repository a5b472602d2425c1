-- Slips in price by month and finding: how many, of how many products or codes, and the money.
-- Grain: finding and month. Findings overlap: a line can be below cost and at another price.
SELECT
    finding,
    CAST(DATE_TRUNC('month', business_date) AS DATE) AS business_month,
    COUNT(DISTINCT subject_id) AS subject_count,
    CAST(SUM(slip_count) AS BIGINT) AS slip_count,
    CAST(SUM(lost_amount) AS DECIMAL(38, 2)) AS lost_amount,
    CAST(SUM(overcharged_amount) AS DECIMAL(38, 2)) AS overcharged_amount
FROM price_slip
GROUP BY finding, CAST(DATE_TRUNC('month', business_date) AS DATE)

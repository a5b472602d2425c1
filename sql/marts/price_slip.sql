-- Slips in price, each with its money: of goods sold in the last 92 days, without gift cards, and of promo codes.
-- Grain: finding, product, promotion or promo code, and day. One line can be in two findings: add up within one alone.
SELECT
    l.finding,
    l.subject_kind,
    l.subject_id,
    l.business_date,
    l.line_count AS slip_count,
    l.lost_amount,
    l.overcharged_amount,
    l.example_receipt_id
FROM line_slip AS l
INNER JOIN night AS n ON l.business_date > n.run_date - 92
LEFT JOIN gift_card_product AS g ON l.subject_id = g.product_id
WHERE g.product_id IS NULL OR l.subject_kind <> 'product'
UNION ALL
SELECT
    finding,
    'promo_code' AS subject_kind,
    promo_code AS subject_id,
    business_date,
    receipt_count AS slip_count,
    lost_amount,
    CAST(0 AS DECIMAL(18, 2)) AS overcharged_amount,
    example_receipt_id
FROM code_slip

-- Goods sold below cost or given away, by receipt. Lines of an offer are judged together, as are those of a product.
-- Grain: receipt and product, or offer. Not judged: what the receipt also takes back, and goods without a cost.
WITH together AS (  -- the third piece for nothing is no slip
    SELECT
        receipt_id,
        business_date,
        CASE WHEN promotion_id IS NULL THEN 'product' ELSE 'promotion' END AS subject_kind,
        COALESCE(promotion_id, product_id) AS subject_id,
        COUNT(*) AS line_count,
        MAX(CASE WHEN is_on_offer THEN 1 ELSE 0 END) AS is_on_offer,
        SUM(net_amount) AS net_amount,
        SUM(cost_amount) AS cost_amount
    FROM priced_line
    GROUP BY receipt_id, business_date, promotion_id, COALESCE(promotion_id, product_id)
    HAVING MIN(amount) >= 0 AND MIN(quantity) >= 0 AND COUNT(*) = COUNT(cost_amount)
)

SELECT
    receipt_id,
    business_date,
    subject_kind,
    subject_id,
    CASE  -- under a tenth of the cost is a gift, or typed wrong
        WHEN net_amount < 0.1 * cost_amount THEN 'given_away'
        WHEN is_on_offer = 1 THEN 'below_cost_on_offer'
        ELSE 'below_cost'
    END AS finding,
    line_count,
    CAST(cost_amount - net_amount AS DECIMAL(18, 2)) AS lost_amount
FROM together
WHERE net_amount < cost_amount - 0.01 * line_count

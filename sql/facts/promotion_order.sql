-- Sales under a promotion: by any of its promo codes, or with goods under it as an offer without a code.
-- Grain: promotion and sale receipt. A sale under two promotions has one row for each, with the same revenue.
WITH coded AS (
    SELECT
        promotion_id,
        receipt_id,
        COUNT(*) AS promo_code_count,
        SUM(discount_amount) AS discount_amount
    FROM promo_order
    WHERE promotion_id IS NOT NULL
    GROUP BY promotion_id, receipt_id
),

joined AS (
    SELECT
        COALESCE(coded.promotion_id, offered.promotion_id) AS promotion_id,
        COALESCE(coded.receipt_id, offered.receipt_id) AS receipt_id,
        COALESCE(coded.promo_code_count, 0) AS promo_code_count,
        COALESCE(offered.line_count, 0) AS offer_line_count,
        coded.discount_amount AS code_discount_amount,
        offered.amount AS offer_amount,
        offered.discount_amount AS offer_discount_amount
    FROM coded
    FULL OUTER JOIN receipt_offer AS offered
        ON coded.promotion_id = offered.promotion_id AND coded.receipt_id = offered.receipt_id
)

-- A code's discount is of the whole receipt, an offer's of its lines. With a code too, the lines' discount may hold the
-- code's: what the offer gave is then unknown.
SELECT
    joined.promotion_id,
    joined.receipt_id,
    orders.customer_id,
    orders.business_date,
    joined.promo_code_count,
    joined.offer_line_count,
    CAST(
        CASE
            WHEN joined.promo_code_count > 0 THEN joined.code_discount_amount
            WHEN NOT orders.has_promo THEN ABS(joined.offer_discount_amount)
        END AS DECIMAL(18, 2)
    ) AS discount_amount,
    CAST(
        CASE
            WHEN joined.promo_code_count > 0 AND joined.code_discount_amount IS NOT NULL THEN orders.revenue
            WHEN joined.promo_code_count = 0 AND NOT orders.has_promo AND joined.offer_discount_amount IS NOT NULL
                THEN joined.offer_amount
        END AS DECIMAL(18, 2)
    ) AS discounted_revenue,
    orders.revenue,
    orders.gross_margin
FROM joined
INNER JOIN order_fact AS orders ON joined.receipt_id = orders.receipt_id AND NOT orders.is_return

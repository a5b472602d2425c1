-- Days on which customers earned or spent points (by ledger or receipt) or redeemed a promo code.
-- Grain: customer and business date with a use.
WITH use AS (
    SELECT
        customer_id,
        business_date,
        points_earned > 0 AS has_earned,
        points_spent > 0 AS has_spent,
        FALSE AS has_redeemed
    FROM customer_day
    WHERE points_earned > 0 OR points_spent > 0
    UNION ALL
    SELECT
        COALESCE(customer_identity.customer_id, points_ledger.customer_id) AS customer_id,
        points_ledger.posted_date AS business_date,
        points_ledger.kind = 'earn' AS has_earned,
        points_ledger.kind = 'spend' AS has_spent,
        FALSE AS has_redeemed
    FROM points_ledger
    CROSS JOIN night
    LEFT JOIN customer_identity ON points_ledger.customer_id = customer_identity.source_customer_id
    WHERE points_ledger.kind IN ('earn', 'spend') AND points_ledger.posted_date <= night.run_date
    UNION ALL
    SELECT
        customer_id,
        business_date,
        FALSE AS has_earned,
        FALSE AS has_spent,
        TRUE AS has_redeemed
    FROM promo_order
    WHERE customer_id IS NOT NULL
)

SELECT
    customer_id,
    business_date,
    COUNT(*) FILTER (WHERE has_earned) > 0 AS has_earned_points,
    COUNT(*) FILTER (WHERE has_spent) > 0 AS has_spent_points,
    COUNT(*) FILTER (WHERE has_redeemed) > 0 AS has_redeemed_code
FROM use
GROUP BY customer_id, business_date

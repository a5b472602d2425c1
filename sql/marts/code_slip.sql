-- Promo codes that gave more than they are worth, or were used outside their dates or more often than allowed.
-- Grain: finding, promo code and day. Redemptions on sales of codes that tonight's extract knows.
WITH returned AS (  -- a sale that came back whole gives its use of a code back
    SELECT
        sale_receipt_id AS receipt_id,
        SUM(linked_revenue) AS revenue
    FROM return_link
    WHERE sale_receipt_id IS NOT NULL
    GROUP BY sale_receipt_id
),

used AS (
    SELECT
        r.promo_code,
        r.receipt_id,
        r.redeemed_at,
        r.discount_amount,
        f.business_date,
        f.line_count,
        GREATEST(COALESCE(f.sold_amount, 0), f.revenue + f.gift_card_amount)
        + GREATEST(ABS(COALESCE(f.discount_amount, 0)), COALESCE(f.promo_discount, 0)) AS most_before,
        c.kind,
        c.value,
        c.valid_from,
        c.valid_to,
        c.use_limit,
        CASE
            WHEN NOT COALESCE(back.revenue >= f.revenue, FALSE)
                THEN RANK() OVER (
                    PARTITION BY r.promo_code, COALESCE(back.revenue >= f.revenue, FALSE)
                    ORDER BY f.issued_at, r.receipt_id
                )
        END AS use_rank
    FROM promo_redemptions AS r
    INNER JOIN receipt_fact AS f ON r.receipt_id = f.receipt_id AND NOT f.is_return
    INNER JOIN promo_codes AS c ON r.promo_code = c.promo_code
    LEFT JOIN returned AS back ON r.receipt_id = back.receipt_id
),

judged AS (
    SELECT
        *,
        CASE kind
            WHEN 'percent' THEN CAST(CAST(value AS DOUBLE) * CAST(most_before AS DOUBLE) / 100 AS DECIMAL(18, 2))
            WHEN 'amount' THEN value
        END AS worth,
        -- Days are compared, not hours: a receipt may have no time, and a code used in time may be billed later.
        CAST(business_date + 1 AS TIMESTAMP WITH TIME ZONE) <= valid_from
        OR CAST(business_date AS TIMESTAMP WITH TIME ZONE) > valid_to AS is_outside,
        redeemed_at >= valid_from AND redeemed_at <= valid_to AS was_inside
    FROM used
),

found AS (
    SELECT
        judged.*,
        kinds.finding,
        CASE WHEN kinds.finding = 'beyond_value' THEN discount_amount - worth ELSE discount_amount END AS lost_amount
    FROM judged
    INNER JOIN (VALUES ('beyond_value'), ('outside_dates'), ('beyond_use_limit')) AS kinds (finding)
        ON
            (kinds.finding = 'beyond_value' AND judged.discount_amount > judged.worth + 0.01 * (1 + judged.line_count))
            OR (kinds.finding = 'outside_dates' AND judged.is_outside AND NOT COALESCE(judged.was_inside, FALSE))
            OR (kinds.finding = 'beyond_use_limit' AND judged.use_rank > judged.use_limit)
)

SELECT
    finding,
    promo_code,
    business_date,
    COUNT(*) AS receipt_count,
    CAST(SUM(lost_amount) AS DECIMAL(18, 2)) AS lost_amount,
    MIN(receipt_id) AS example_receipt_id
FROM found
GROUP BY finding, promo_code, business_date

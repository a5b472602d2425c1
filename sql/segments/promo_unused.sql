-- Promo unused: were sent a campaign that hands out promo codes, and have never redeemed any code. Where no record says
-- who was sent one: members who have never redeemed a code, though there are codes. For other means than discounts.
WITH sent AS (
    SELECT customer_id
    FROM contact
    WHERE campaign_id IN (SELECT promo_codes.campaign_id FROM promo_codes)
    UNION
    SELECT customer_id
    FROM campaign_customer
    WHERE arm <> 'control' AND campaign_id IN (SELECT promo_codes.campaign_id FROM promo_codes)
),

record AS (
    SELECT COUNT(*) AS sent_count
    FROM sent
),

redeemed AS (
    SELECT DISTINCT customer_id
    FROM promo_order
)

SELECT customer_360.customer_id
FROM customer_360
CROSS JOIN record
LEFT JOIN sent ON customer_360.customer_id = sent.customer_id
LEFT JOIN redeemed ON customer_360.customer_id = redeemed.customer_id
WHERE
    NOT customer_360.is_deleted
    AND redeemed.customer_id IS NULL
    AND (
        sent.customer_id IS NOT NULL
        OR (customer_360.is_member AND record.sent_count = 0 AND EXISTS (SELECT 1 FROM promo_codes))
    )

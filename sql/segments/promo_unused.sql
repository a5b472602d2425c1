-- Promo unused: were sent a campaign that hands out promo codes, and have never redeemed any code. Where no record says
-- who was sent one: members who have never redeemed a code, though there are codes. For other means than discounts.
WITH sent AS (
    SELECT customer_id
    FROM contact
    WHERE campaign_id IN (SELECT promo_codes.campaign_id FROM promo_codes)
    UNION
    SELECT customer_id
    FROM campaign_customer
    WHERE arm = 'treated' AND campaign_id IN (SELECT promo_codes.campaign_id FROM promo_codes)
),

offered AS (
    SELECT customer_id
    FROM sent
    UNION
    SELECT customer_id
    FROM customer_360
    WHERE is_member AND NOT EXISTS (SELECT 1 FROM sent) AND EXISTS (SELECT 1 FROM promo_codes)
)

SELECT customer_360.customer_id
FROM customer_360
INNER JOIN offered ON customer_360.customer_id = offered.customer_id
WHERE
    NOT customer_360.is_deleted
    AND NOT EXISTS (
        SELECT 1
        FROM promo_order
        WHERE promo_order.customer_id = customer_360.customer_id
    )

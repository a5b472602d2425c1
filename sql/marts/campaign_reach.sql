-- What happened to the arms of a campaign besides what they bought: who got the message, who used one of its codes.
-- Grain: campaign and arm. Customers whose own window is over alone are counted.
WITH reached AS (  -- delivered, or sent where no record says more
    SELECT
        campaign_id,
        customer_id,
        MAX(CASE WHEN delivered_date IS NOT NULL THEN 1 ELSE 0 END) AS is_delivered
    FROM contact
    WHERE campaign_id IS NOT NULL
    GROUP BY campaign_id, customer_id
),

recorded AS (
    SELECT
        campaign_id,
        MAX(is_delivered) AS knows_delivery
    FROM reached
    GROUP BY campaign_id
),

redeemed AS (
    SELECT DISTINCT
        outcome.campaign_id,
        outcome.customer_id
    FROM campaign_customer_outcome AS outcome
    INNER JOIN promo_order AS used
        ON
            outcome.campaign_id = used.campaign_id
            AND outcome.customer_id = used.customer_id
            AND outcome.counts_from <= used.business_date
            AND outcome.window_end_date >= used.business_date
),

coded AS (
    SELECT DISTINCT campaign_id
    FROM promo_codes
    WHERE campaign_id IS NOT NULL
)

SELECT
    outcome.campaign_id,
    outcome.arm,
    COUNT(*) AS customers,
    CASE
        WHEN MAX(recorded.campaign_id) IS NOT NULL
            THEN COUNT(CASE WHEN reached.is_delivered >= recorded.knows_delivery THEN 1 END)
    END AS delivered_customers,
    CASE WHEN MAX(coded.campaign_id) IS NOT NULL THEN COUNT(redeemed.customer_id) END AS code_customers
FROM campaign_customer_outcome AS outcome
INNER JOIN night ON outcome.window_end_date <= night.run_date
LEFT JOIN recorded ON outcome.campaign_id = recorded.campaign_id
LEFT JOIN coded ON outcome.campaign_id = coded.campaign_id
LEFT JOIN reached ON outcome.campaign_id = reached.campaign_id AND outcome.customer_id = reached.customer_id
LEFT JOIN redeemed ON outcome.campaign_id = redeemed.campaign_id AND outcome.customer_id = redeemed.customer_id
GROUP BY outcome.campaign_id, outcome.arm

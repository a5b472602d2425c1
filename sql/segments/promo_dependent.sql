-- Promo-dependent: five orders or more, and surely half or more of what they spend is on offer: the lower end of the
-- 95 % interval of their share (promo_spend_share_low) is at least .5. For fewer discounts: find out who buys without.
SELECT customer_360.customer_id
FROM customer_360
INNER JOIN customer_promo_habit ON customer_360.customer_id = customer_promo_habit.customer_id
WHERE NOT customer_360.is_deleted AND customer_promo_habit.promo_spend_share_low >= 0.5

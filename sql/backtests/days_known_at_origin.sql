-- Of what customers did, as known in the night of the backtest, that which was known at the origin.
-- Grain: customer_id and business_date.
SELECT
    d.customer_id,
    d.business_date,
    d.order_count,
    d.return_count,
    d.promo_order_count,
    d.offer_order_count,
    d.online_order_count,
    d.channel_order_count,
    d.net_revenue,
    d.sale_revenue,
    d.net_spend,
    d.gross_margin,
    d.discount_amount,
    d.points_spent,
    d.points_earned,
    d.next_order_date,
    d.known_date,
    d.landing_date
FROM days_known_now AS d
INNER JOIN origin AS o ON d.business_date <= o.as_of_date AND d.known_date <= o.known_by_date

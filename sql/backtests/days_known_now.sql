-- What customers did, as known in the night of the backtest; of very many customers a fixed sample by md5 of the id.
-- Grain: customer_id and business_date. What an older version of customer_day made counts as known on its own day.
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
    d.promoted_revenue,
    d.promoted_share,
    d.net_spend,
    d.gross_margin,
    d.uncosted_revenue,
    d.costed_margin,
    d.discount_amount,
    d.points_spent,
    d.points_earned,
    d.next_order_date,
    COALESCE(d.known_date, d.business_date) AS known_date,
    d.landing_date
FROM customer_day AS d
CROSS JOIN customer_sample AS s
WHERE s.md5_below IS NULL OR SUBSTRING(MD5(d.customer_id), 1, 8) < s.md5_below

-- Of what customers did, as known in the night of the backtest, that which was known at the origin.
-- Grain: customer_id and business_date.
WITH taken_back AS (
    SELECT
        customer_id,
        COALESCE(sale_date, business_date) AS business_date,
        SUM(COALESCE(linked_revenue, returned_revenue)) AS revenue
    FROM returns_known_at_origin
    GROUP BY customer_id, COALESCE(sale_date, business_date)
)

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
    CAST(GREATEST(d.sale_revenue - COALESCE(t.revenue, 0), 0) AS DECIMAL(18, 2)) AS net_spend,
    d.gross_margin,
    d.uncosted_revenue,
    d.costed_margin,
    d.discount_amount,
    d.points_spent,
    d.points_earned,
    d.next_order_date,
    d.known_date,
    d.landing_date
FROM days_known_now AS d
INNER JOIN origin AS o ON d.business_date <= o.as_of_date AND d.known_date <= o.known_by_date
LEFT JOIN taken_back AS t ON d.customer_id = t.customer_id AND d.business_date = t.business_date

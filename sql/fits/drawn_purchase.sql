-- What customers bought right before a draw of the global control group, and in each month that counts of it.
-- Grain: draw, customer and stretch of days with a receipt: month_date is NULL for what lies before the draw.
SELECT
    stretch.draw_number,
    bought.customer_id,
    stretch.month_date,
    CAST(SUM(bought.order_count) AS BIGINT) AS order_count,
    CAST(SUM(bought.net_revenue) AS DECIMAL(18, 2)) AS revenue,
    CAST(SUM(COALESCE(bought.gross_margin, bought.costed_margin, 0)) AS DECIMAL(18, 2)) AS costed_margin,
    CAST(SUM(COALESCE(bought.uncosted_revenue, 0)) AS DECIMAL(18, 2)) AS uncosted_revenue,
    MAX(CASE WHEN bought.order_count > 0 THEN bought.business_date END) AS last_order_date
FROM customer_day AS bought
INNER JOIN draw_stretch AS stretch ON bought.business_date BETWEEN stretch.from_date AND stretch.to_date
GROUP BY stretch.draw_number, bought.customer_id, stretch.month_date

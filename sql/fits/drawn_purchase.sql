-- What customers bought right before a draw of the global control group, and in each month that counts of it.
-- Grain: draw, customer and stretch of days with a receipt: month_date is NULL for what lies before the draw.
WITH placed AS (  -- whole months are found by equality, which is quicker than by their ends
    SELECT
        stretch.draw_number,
        stretch.month_date,
        bought.*
    FROM customer_day AS bought
    INNER JOIN draw_stretch AS stretch
        ON CAST(DATE_TRUNC('month', bought.business_date) AS DATE) = stretch.month_date
    UNION ALL
    SELECT
        stretch.draw_number,
        stretch.month_date,
        bought.*
    FROM customer_day AS bought
    INNER JOIN draw_stretch AS stretch
        ON
            stretch.month_date IS NULL
            AND bought.business_date BETWEEN stretch.from_date AND stretch.to_date
)

SELECT
    draw_number,
    customer_id,
    month_date,
    CAST(SUM(order_count) AS BIGINT) AS order_count,
    CAST(SUM(net_revenue) AS DECIMAL(18, 2)) AS revenue,
    CAST(SUM(COALESCE(gross_margin, costed_margin, 0)) AS DECIMAL(18, 2)) AS costed_margin,
    CAST(SUM(COALESCE(uncosted_revenue, 0)) AS DECIMAL(18, 2)) AS uncosted_revenue,
    MAX(CASE WHEN order_count > 0 THEN business_date END) AS last_order_date
FROM placed
GROUP BY draw_number, customer_id, month_date

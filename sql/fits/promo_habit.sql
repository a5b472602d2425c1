-- How much each customer bought on offer, and how alike their days are.
-- Grain: customer with sales.
SELECT
    customer_id,
    order_count,
    CAST(sale_day_count AS DOUBLE) AS day_count,
    CAST(sale_revenue AS DOUBLE) AS spend,
    CAST(squared_revenue AS DOUBLE) AS squared_spend,
    CAST(promoted_revenue AS DOUBLE) AS promoted,
    CAST(summed_share AS DOUBLE) AS summed_share,
    CAST(squared_share AS DOUBLE) AS squared_share
FROM customer_totals
WHERE sale_revenue > 0 AND sale_day_count > 0

-- Customers who are no shoppers but a cashier's or a service card: 20 orders a day on 3 days, or 50 on one.
-- Grain: customer. Accounts that the CRM marks as a business are left out.
SELECT
    d.customer_id,
    COUNT(*) AS busy_day_count,
    CAST(MAX(d.order_count) AS BIGINT) AS most_orders_a_day,
    MIN(d.business_date) AS first_busy_date,
    MAX(d.business_date) AS last_busy_date
FROM customer_day AS d
LEFT JOIN crm_customers AS c ON d.customer_id = c.customer_id AND c.customer_type = 'business'
WHERE d.order_count >= 20 AND c.customer_id IS NULL
GROUP BY d.customer_id
HAVING COUNT(*) >= 3 OR MAX(d.order_count) >= 50

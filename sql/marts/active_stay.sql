-- When members were active: a purchase makes active until the next one, the end of the window or of the membership.
-- Grain: customer and purchase day on which, or after which, the customer was a member.
WITH purchase AS (
    SELECT
        customer_day.customer_id,
        customer_day.business_date,
        customer_day.business_date + night.active_days AS window_end_date,
        LEAD(customer_day.business_date) OVER (
            PARTITION BY customer_day.customer_id ORDER BY customer_day.business_date
        ) AS next_business_date
    FROM customer_day
    CROSS JOIN night
    WHERE customer_day.order_count > 0
),

stay AS (
    SELECT
        purchase.customer_id,
        GREATEST(purchase.business_date, customer.enrolled_date) AS from_date,
        LEAST(purchase.window_end_date, purchase.next_business_date, customer.deleted_date) AS until_date
    FROM purchase
    INNER JOIN customer ON purchase.customer_id = customer.customer_id
    WHERE customer.enrolled_date IS NOT NULL
)

SELECT
    customer_id,
    from_date,
    until_date
FROM stay
WHERE from_date < until_date

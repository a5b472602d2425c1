-- Who was known before a draw of the global control group, and in which arm: drawn as lists/member draws it.
-- Grain: draw and customer. Without service accounts, and without who had been deleted by then.
SELECT
    draw.draw_number,
    customer.customer_id,
    CASE
        WHEN
            SUBSTR(SHA256(CONCAT_WS(':', draw.salt, 'programme', draw.drawn_in, customer.customer_id)), 1, 12)
            < draw.control_below
            THEN 'control'
        ELSE 'treated'
    END AS arm
FROM customer
CROSS JOIN draw
LEFT JOIN customer_totals AS totals ON customer.customer_id = totals.customer_id
WHERE
    NOT customer.is_service_account
    AND COALESCE(customer.deleted_date >= draw.from_date, TRUE)
    AND LEAST(
        COALESCE(customer.registered_date, totals.first_order_date),
        COALESCE(totals.first_order_date, customer.registered_date)
    ) < draw.from_date

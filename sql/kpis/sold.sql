-- Sales and returns of the days that are worked out (kpi_span), each with what is known of its customer.
-- Grain: receipt. is_back: the customer's order before this day lies longer back than the active window.
WITH came_back AS (
    SELECT
        d.customer_id,
        d.next_order_date AS business_date
    FROM customer_day AS d
    INNER JOIN kpi_span AS s ON d.next_order_date >= s.from_date AND d.next_order_date <= s.to_date
    CROSS JOIN night AS n
    WHERE DATE_DIFF('day', d.business_date, d.next_order_date) > n.active_days
)

SELECT
    r.receipt_id,
    r.business_date,
    r.customer_id,
    COALESCE(r.store_id, 'unknown') AS store_id,
    COALESCE(s.region, 'unknown') AS store_region,
    COALESCE(r.sales_channel, 'unknown') AS sales_channel,
    CASE WHEN r.customer_id IS NULL THEN 'anonymous' ELSE COALESCE(c.acquisition_channel, 'unknown') END
        AS acquisition_source,
    r.is_return,
    NOT r.is_return AND (r.revenue <> 0 OR r.customer_id IS NOT NULL) AS is_sale,
    COALESCE(r.business_date >= c.enrolled_date AND COALESCE(r.business_date < c.deleted_date, TRUE), FALSE)
        AS is_of_member,
    b.customer_id IS NOT NULL AND NOT r.is_return AS is_back,
    r.revenue,
    r.gross_margin,
    r.gross_margin IS NULL AND (r.revenue <> 0 OR r.line_count > 0) AS has_unknown_margin,
    r.line_count,
    r.quantity,
    p.first_order_date,
    p.is_left_censored,
    c.enrolled_date
FROM person_receipt AS r
INNER JOIN kpi_span AS k ON r.business_date >= k.from_date AND r.business_date <= k.to_date
LEFT JOIN stores AS s ON r.store_id = s.store_id
LEFT JOIN customer AS c ON r.customer_id = c.customer_id
LEFT JOIN customer_purchase_pattern AS p ON r.customer_id = p.customer_id
LEFT JOIN came_back AS b ON r.customer_id = b.customer_id AND r.business_date = b.business_date

-- Of the returns that are known in the night of the backtest those that were dated and known at the origin.
-- Grain: return receipt with a customer. What an older version of return_link made counts as known on its own day.
SELECT
    r.receipt_id,
    r.customer_id,
    r.business_date,
    r.sale_receipt_id,
    r.sale_date,
    r.method,
    r.returned_revenue,
    r.linked_revenue,
    r.is_over_returned,
    r.known_date,
    r.landing_date
FROM returns_known_now AS r
INNER JOIN origin AS o
    ON r.business_date <= o.as_of_date AND COALESCE(r.known_date, r.business_date) <= o.known_by_date

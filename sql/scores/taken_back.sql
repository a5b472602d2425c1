-- What had come back of each day's sales by a cut-off, of returns that were dated and known by then.
-- Grain: customer, business_date (of the sale; of the return where no sale was found) and as_of_date.
SELECT
    r.customer_id,
    COALESCE(r.sale_date, r.business_date) AS business_date,
    a.as_of_date,
    CAST(SUM(COALESCE(r.linked_revenue, r.returned_revenue)) AS DECIMAL(38, 2)) AS revenue
FROM return_link AS r
INNER JOIN cut_off AS a
    ON r.business_date <= a.as_of_date AND COALESCE(r.known_date, r.business_date) <= a.known_by_date
GROUP BY r.customer_id, COALESCE(r.sale_date, r.business_date), a.as_of_date

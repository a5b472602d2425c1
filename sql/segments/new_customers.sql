-- New customers: their first order ever lies in the active window (90 days unless set otherwise).
-- Who may have bought before the data begin is not called new.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND is_new

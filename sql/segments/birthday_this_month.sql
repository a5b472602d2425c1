-- Birthday this month: born in the month of the night, with a believable date of birth.
-- For a greeting.
-- Calendar: month
SELECT customer_360.customer_id
FROM customer_360
CROSS JOIN night
WHERE
    NOT customer_360.is_deleted
    AND customer_360.birth_month = EXTRACT(MONTH FROM night.run_date)

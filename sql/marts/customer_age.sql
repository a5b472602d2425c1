-- Age in completed years, where the date of birth is believable: from 14 to 110.
-- Grain: customer with a believable date of birth.
WITH age AS (
    SELECT
        c.customer_id,
        (YEAR(n.run_date) - YEAR(c.birth_date)) * 10000 + (MONTH(n.run_date) - MONTH(c.birth_date)) * 100
        + DAY(n.run_date) - DAY(c.birth_date) AS age_in_ten_thousandths,
        CAST(MONTH(c.birth_date) AS INTEGER) AS birth_month
    FROM customer AS c
    CROSS JOIN night AS n
)

SELECT
    customer_id,
    CAST(FLOOR(CAST(age_in_ten_thousandths AS DOUBLE) / 10000) AS INTEGER) AS age_years,
    birth_month
FROM age
WHERE age_in_ten_thousandths BETWEEN 140000 AND 1109999

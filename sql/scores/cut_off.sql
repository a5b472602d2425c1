-- Days as of which customers are described, and by when what is dated up to them must have landed to be known then.
-- Grain: as_of_date. Before the first night, which brought all history at once, everything counts as known.
WITH first_night AS (
    SELECT MIN(known_date) AS first_night_date FROM customer_day
)

SELECT
    f.as_of_date,
    f.label_from_date,
    f.label_to_date,
    CASE WHEN f.as_of_date < n.first_night_date THEN DATE '9999-12-31' ELSE f.as_of_date END AS known_by_date
FROM feature_date AS f
CROSS JOIN first_night AS n

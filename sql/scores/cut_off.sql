-- Cut-offs as of which customers are described, and the night by which data must have landed to be known then.
-- Grain: as_of_date. Everything counts as known where no nightly loads had begun, or where too little had landed.
WITH landed AS (
    SELECT
        f.as_of_date,
        COUNT(*) AS day_count,
        COUNT(CASE WHEN d.known_date <= f.as_of_date THEN 1 END) AS landed_count,
        MAX(CASE WHEN d.known_date <= f.as_of_date THEN d.known_date END) AS last_night_date
    FROM feature_date AS f
    INNER JOIN customer_day AS d
        ON f.as_of_date >= d.business_date AND DATE_DIFF('day', d.business_date, f.as_of_date) < 365
    GROUP BY f.as_of_date
)

SELECT
    f.as_of_date,
    f.label_from_date,
    f.label_to_date,
    CASE
        WHEN l.landed_count * 2 >= l.day_count AND DATE_DIFF('day', l.last_night_date, f.as_of_date) <= 28
            THEN f.as_of_date
        ELSE DATE '9999-12-31'
    END AS known_by_date,
    l.last_night_date
FROM feature_date AS f
LEFT JOIN landed AS l ON f.as_of_date = l.as_of_date

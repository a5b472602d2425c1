-- What is compared of accounts that share evidence with exactly one other: gender, birth date, and the name's words.
-- Grain: joinable account. A birth date on 1 January, of a child or of a very old person is a placeholder: NULL.
WITH compared AS (
    SELECT DISTINCT customer_id
    FROM shared_evidence
    WHERE customer_count = 2
),

-- In any order, each once; none is the same as no name.
name_words AS (
    SELECT
        l.customer_id,
        LIST_SORT(LIST_DISTINCT(REGEXP_EXTRACT_ALL(l.name, '[\pL\pM\pN]+'))) AS words
    FROM lower_name AS l
    INNER JOIN compared AS c ON l.customer_id = c.customer_id
)

SELECT
    j.customer_id,
    j.registered_at,
    j.gender,
    CASE
        WHEN
            YEAR(n.run_date) - YEAR(j.birth_date) BETWEEN 14 AND 110
            AND NOT (MONTH(j.birth_date) = 1 AND DAY(j.birth_date) = 1)
            THEN j.birth_date
    END AS birth_date,
    CASE WHEN ARRAY_LENGTH(w.words) > 0 THEN w.words END AS words
FROM joinable_account AS j
CROSS JOIN night AS n
INNER JOIN name_words AS w ON j.customer_id = w.customer_id

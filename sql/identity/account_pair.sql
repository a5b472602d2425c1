-- Two accounts that alone share evidence: joined, contradicted by gender, birth date or name, or left unconfirmed.
-- Grain: rule and evidence. An e-mail address joins by itself; a phone or a card needs the same name or birth date.
WITH pair AS (
    SELECT
        rule,
        evidence,
        MIN(customer_id) AS first_customer_id,
        MAX(customer_id) AS second_customer_id
    FROM shared_evidence
    WHERE customer_count = 2
    GROUP BY rule, evidence
),

compared AS (
    SELECT
        p.rule,
        p.evidence,
        p.first_customer_id,
        p.second_customer_id,
        a.gender <> b.gender OR a.birth_date <> b.birth_date AS differs,
        a.birth_date = b.birth_date AS has_same_birth_date,
        a.words IS NULL OR b.words IS NULL AS lacks_a_name,
        a.words = b.words AS has_same_name,
        -- The words of one name are all in the other: Ann, and Ann Lee.
        CASE
            WHEN a.words IS NOT NULL AND b.words IS NOT NULL
                THEN
                    ARRAY_LENGTH(ARRAY_INTERSECT(a.words, b.words))
                    = LEAST(ARRAY_LENGTH(a.words), ARRAY_LENGTH(b.words))
        END AS names_fit
    FROM pair AS p
    INNER JOIN account_profile AS a ON p.first_customer_id = a.customer_id
    INNER JOIN account_profile AS b ON p.second_customer_id = b.customer_id
)

SELECT
    rule,
    evidence,
    first_customer_id,
    second_customer_id,
    CASE
        WHEN differs OR NOT names_fit THEN 'contradicted'
        WHEN rule = 'email' OR has_same_name THEN 'joined'
        WHEN has_same_birth_date AND lacks_a_name THEN 'joined'
        ELSE 'unconfirmed'
    END AS outcome
FROM compared

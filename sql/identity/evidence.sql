-- What may show that accounts are one person: an e-mail address, a phone number or a card that several of them have.
-- Grain: rule (email, phone, card), evidence and account.
WITH repeated_email AS (
    SELECT email_normal
    FROM address
    WHERE email_normal IS NOT NULL
    GROUP BY email_normal
    HAVING COUNT(*) > 1
),

repeated_phone AS (
    SELECT phone_normal
    FROM address
    WHERE phone_normal IS NOT NULL
    GROUP BY phone_normal
    HAVING COUNT(*) > 1
)

SELECT
    'email' AS rule,
    email_normal AS evidence,
    customer_id
FROM address
WHERE email_normal IN (SELECT email_normal FROM repeated_email)
UNION ALL
SELECT
    'phone' AS rule,
    phone_normal AS evidence,
    customer_id
FROM address
WHERE phone_normal IN (SELECT phone_normal FROM repeated_phone)
UNION ALL
SELECT
    'card' AS rule,
    card_id AS evidence,
    customer_id
FROM card_move

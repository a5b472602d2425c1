"""The people of the generated retailer: persons, their accounts in the CRM, cards, addresses, consents and opt-outs."""

# luck is 0 to 9,999, the same for the same topic and id on every machine. Shares are parts of 10,000.
MACROS_SQL = """
CREATE MACRO luck(topic, id) AS CAST('0x' || LEFT(MD5(CONCAT(topic, ':', id)), 8) AS BIGINT) % 10000;
CREATE MACRO chance(topic, id, share) AS luck(topic, id) < share;
CREATE MACRO draw(topic, id, n) AS CAST(luck(topic, id) * n // 10000 AS INTEGER);  -- 0 to n - 1
CREATE MACRO pick(topic, id, options) AS options[1 + draw(topic, id, LEN(options))];
CREATE MACRO money(cents) AS CAST(CAST(cents AS DECIMAL(16, 0)) * 0.01 AS DECIMAL(18, 2));
CREATE MACRO at_minute(day, minute) AS CAST(day AS TIMESTAMP) + TO_MINUTES(CAST(minute AS BIGINT));
CREATE MACRO local_text(moment) AS STRFTIME(moment, '%Y-%m-%dT%H:%M:%S');  -- without an offset: in business time
CREATE MACRO landing_day(day) AS GREATEST(CAST(day AS DATE), getvariable('history_end'));
"""


STORES_SQL = """
CREATE TABLE shop (store_id VARCHAR, name VARCHAR, region VARCHAR, format VARCHAR, phone_prefix VARCHAR);
INSERT INTO shop VALUES
    ('S01', 'Paris Bastille', 'Île-de-France', 'city', '19900'),
    ('S02', 'Paris Batignolles', 'Île-de-France', 'city', '19900'),
    ('S03', 'Versailles', 'Île-de-France', 'city', '19900'),
    ('S04', 'Lille Vieille Bourse', 'Hauts-de-France', 'city', '35301'),
    ('S05', 'Strasbourg Petite France', 'Grand Est', 'city', '35301'),
    ('S06', 'Lyon Croix-Rousse', 'Auvergne-Rhône-Alpes', 'city', '46571'),
    ('S07', 'Grenoble', 'Auvergne-Rhône-Alpes', 'retail park', '46571'),
    ('S08', 'Marseille Vieux-Port', 'Provence-Alpes-Côte d''Azur', 'city', '46571'),
    ('S09', 'Toulouse Capitole', 'Occitanie', 'city', '53649'),
    ('S10', 'Bordeaux Lac', 'Nouvelle-Aquitaine', 'retail park', '53649'),
    ('S11', 'Nantes', 'Pays de la Loire', 'city', '26191'),
    ('S12', 'Rennes Cleunay', 'Bretagne', 'retail park', '26191'),
    ('WEB', 'Online shop', 'Online', 'online', NULL);
"""


# Of 5,000 persons some have a second account in the CRM, and somebody's phone is a family's: by their number alone, so
# that each kind is there and no two kinds meet. Person 5,000 is no shopper but the spare card of a till.
PERSON_SQL = """
CREATE TABLE person AS
WITH numbered AS (
    SELECT
        CAST(pid AS INTEGER) AS pid,
        pid = 5000 AS is_till,
        CASE
            WHEN pid % 400 IN (100, 101, 102) THEN CONCAT('F', pid // 400)  -- three with one phone
            WHEN pid % 300 IN (220, 221) THEN CONCAT('P', pid // 300)  -- a couple with one phone
        END AS household_id,
        CASE WHEN pid = 5000 THEN DATE '2024-01-08'
            ELSE getvariable('first_day')
                + draw('registered', pid, CASE WHEN household_id IS NULL THEN 917 ELSE 850 END)
        END AS registered_on,
        CASE
            WHEN pid % 125 = 7 THEN 'merged_into'
            WHEN pid % 125 = 19 THEN 'email'
            WHEN pid % 250 = 33 THEN 'phone'
            WHEN pid % 500 = 63 THEN 'card'
        END AS second_account,
        pid % 50 = 11 AS is_business,
        CASE
            WHEN household_id IS NULL THEN pick('gender', pid, ['f', 'f', 'f', 'm', 'm'])
            WHEN pid % 2 = 0 THEN 'f'
            ELSE 'm'
        END AS gender,
        CAST(pick('mean gap', pid, [14, 35, 35, 70, 70, 150]) AS INTEGER) AS mean_gap,
        CASE WHEN chance('leaves', pid, 5000) THEN draw('leaves after', pid, 900) + 30 END AS days_until_left,
        CONCAT('S', LPAD(CAST(1 + draw('store', pid, 12) AS VARCHAR), 2, '0')) AS store_id,
        pick('online', pid, [0, 0, 1000, 2500, 5000, 9000]) AS online_share,
        1 + draw('category', pid, 8) AS favourite
    FROM RANGE(5001) AS people (pid)
),

dated AS (
    SELECT *, registered_on + CAST(days_until_left AS INTEGER) AS left_on FROM numbered
)

SELECT
    dated.* EXCLUDE (second_account, days_until_left),
    CONCAT('C', 10000 + pid) AS customer_id,
    CASE WHEN registered_on < DATE '2024-06-01' THEN second_account END AS second_account,
    CASE
        WHEN left_on < DATE '2025-01-01' AND second_account IS NULL AND household_id IS NULL
                AND chance('asks to be deleted', pid, 600)
            THEN left_on + 60
    END AS deleted_on,
    CASE gender
        WHEN 'f' THEN pick('first name', pid, getvariable('women'))
        ELSE pick('first name', pid, getvariable('men'))
    END AS first_name,
    pick('last name', COALESCE(household_id, CAST(pid AS VARCHAR)), getvariable('last_names')) AS last_name,
    DATE '1948-03-01' + draw('born', pid, 2100) * 10 + draw('born on', pid, 10) AS birth_date,
    shop.region,
    CONCAT(shop.phone_prefix, LPAD(CAST(CASE
        WHEN household_id LIKE 'F%' THEN pid // 400 * 400 + 100
        WHEN household_id LIKE 'P%' THEN pid // 300 * 300 + 220
        ELSE pid
    END AS VARCHAR), 4, '0')) AS own_number,
    second_account = 'email' OR chance('has mail', pid, 9400) AS has_email,
    second_account = 'phone' OR household_id IS NOT NULL OR chance('has phone', pid, 9000) AS has_phone
FROM dated
INNER JOIN shop USING (store_id);

-- All of a household live by one store, so that their number is the same.
UPDATE person SET own_number = head.own_number
FROM person AS head
WHERE person.household_id = head.household_id AND (head.pid % 400 = 100 OR head.pid % 300 = 220);
"""


# Phones are of the ranges that France keeps for fiction (01 99 00, 02 61 91, 03 53 01, 04 65 71, 05 36 49).
ACCOUNT_SQL = """
CREATE MACRO spelled(number, spelling) AS CASE spelling
    WHEN 0 THEN CONCAT('+33', number)
    WHEN 1 THEN CONCAT('0', number)
    WHEN 2 THEN CONCAT('+33 ', number[1], ' ', number[2:3], ' ', number[4:5], ' ', number[6:7], ' ', number[8:9])
    WHEN 3 THEN CONCAT('0', number[1], '.', number[2:3], '.', number[4:5], '.', number[6:7], '.', number[8:9])
    ELSE CONCAT('0', number[1], ' ', number[2:3], ' ', number[4:5], ' ', number[6:7], ' ', number[8:9])
END;

-- Grain: account of the CRM. Of the second accounts each shares something else with the first.
CREATE TABLE account AS
SELECT
    customer_id AS account_id, pid, customer_id, registered_on, CAST(NULL AS VARCHAR) AS merged_into,
    CASE WHEN has_email AND NOT is_till THEN CONCAT(
        LOWER(STRIP_ACCENTS(first_name)), '.', LOWER(STRIP_ACCENTS(last_name)), '.', pid, '@example.org'
    ) END AS email,
    CASE WHEN has_phone AND NOT is_till THEN spelled(own_number, draw('phone spelling', pid, 5)) END AS phone,
    CONCAT('K', 500000 + pid) AS card_id
FROM person
UNION ALL
SELECT
    CONCAT('W', 10000 + pid) AS account_id, pid, customer_id, registered_on + 60 AS registered_on,
    CASE second_account WHEN 'merged_into' THEN customer_id END AS merged_into,
    CASE second_account WHEN 'email' THEN CONCAT(
        UPPER(STRIP_ACCENTS(first_name)), '.', UPPER(STRIP_ACCENTS(last_name)), '.', pid, '@EXAMPLE.ORG '
    ) END AS email,
    CASE second_account WHEN 'phone' THEN spelled(own_number, draw('phone spelling', pid, 5) + 1) END AS phone,
    CONCAT('K', 600000 + pid) AS card_id
FROM person
WHERE second_account IS NOT NULL;

-- Two cards: one person in fifty lost the first and has another. A card that changes its holder from one night to the
-- next shows that both accounts are one person's.
CREATE TABLE card AS
SELECT
    card_id, account_id, registered_on AS issued_on,
    CASE WHEN account_id[1] = 'C' AND pid % 50 = 5 THEN DATE '2024-11-02' END AS closed_on
FROM account
WHERE NOT (account_id[1] = 'C' AND pid % 50 = 5 AND registered_on > DATE '2024-11-02')
UNION ALL
SELECT
    CONCAT('K', 700000 + pid) AS card_id, account_id, GREATEST(registered_on, DATE '2024-11-03') AS issued_on,
    NULL AS closed_on
FROM account
WHERE account_id[1] = 'C' AND pid % 50 = 5;

-- Grain: person and channel with a consent, from the registration on. Fifteen take theirs to e-mail back on a night.
CREATE TABLE consent AS
SELECT
    pid, channel, registered_on AS given_on,
    CASE WHEN channel = 'email' AND pid % 331 = 9 THEN getvariable('history_end') + 1 END AS taken_back_on
FROM person
CROSS JOIN (
    VALUES ('email', 6200), ('sms', 4100), ('push', 3000), ('messenger', 1500), ('call', 1600), ('ads', 3500)
) AS rate (channel, share)
WHERE NOT is_till AND (chance(CONCAT('consent ', channel), pid, share) OR (channel = 'email' AND pid % 331 = 9));

-- Grain: entry of the suppression list. It names an address or a customer, for one channel or (NULL) for all.
CREATE TABLE suppression AS
SELECT
    p.pid,
    CASE WHEN p.pid % 117 = 6 THEN p.customer_id END AS customer_id,
    CASE WHEN p.pid % 111 = 4 THEN a.email END AS email,
    CASE WHEN p.pid % 113 = 5 THEN a.phone END AS phone,
    CASE WHEN p.pid % 111 = 4 AND chance('one channel', p.pid, 5000) THEN 'email' END AS channel,
    DATE '2024-01-01' + draw('suppressed', p.pid, 500) AS since_on,
    pick('why suppressed', p.pid, ['asked by post', 'asked at the till', 'mail came back']) AS reason
FROM person AS p
INNER JOIN account AS a ON p.customer_id = a.account_id
WHERE
    p.household_id IS NULL
    AND (
        p.pid % 117 = 6 OR (p.pid % 111 = 4 AND a.email IS NOT NULL) OR (p.pid % 113 = 5 AND a.phone IS NOT NULL)
    );
"""


WOMEN = (
    "Adèle Agathe Alice Amina Anaïs Camille Chloé Claire Élise Emma Fatou Hélène Inès Jade Jeanne Juliette Léa Leïla "
    "Louise Lucie Maëlle Manon Margaux Marion Nadia Nina Noémie Océane Pauline Romane Rose Sarah Sophie Yasmine Zoé"
)


MEN = (
    "Adam Adrien Ali Antoine Arthur Bastien Benoît Clément David Étienne Félix François Gabriel Hugo Idriss Jules "
    "Julien Karim Léo Louis Lucas Malik Mathieu Maxime Nicolas Noé Olivier Paul Raphaël Rémi Théo Thomas Victor Yanis"
)


LAST_NAMES = (
    "Aubert Barbier Benali Bernard Blanc Bonnet Bouvier Caron Chevalier Clément David Diallo Dubois Dumont Dupuis "
    "Durand Fabre Faure Fontaine Fournier Garcia Gautier Girard Guérin Lambert Lefèvre Lemaire Leroy Martin Mercier "
    "Meunier Michel Moreau Morel Nguyen Noël Perrin Petit Picard Renaud Rey Richard Robin Rousseau Roux Roy Sanchez "
    "Schmitt Simon Traoré Vidal Vincent"
)

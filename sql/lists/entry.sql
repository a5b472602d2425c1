-- Who is on a list tonight, with the channel's addresses and the parts of their name: as given, else from the full name
-- (the contract of crm_customers says how). Grain: list and customer.
WITH written AS (  -- each run of blanks, also of those that don't break, is one blank; without any value it is ''
    SELECT
        decision.*,
        list_setting.name_order,
        TRIM(REGEXP_REPLACE(COALESCE(personal.name, ''), '[\s\x0B\pZ]+', ' ', 'g')) AS written_name,
        TRIM(REGEXP_REPLACE(COALESCE(personal.first_name, ''), '[\s\x0B\pZ]+', ' ', 'g')) AS given_first,
        TRIM(REGEXP_REPLACE(COALESCE(personal.last_name, ''), '[\s\x0B\pZ]+', ' ', 'g')) AS given_last,
        TRIM(REGEXP_REPLACE(COALESCE(personal.middle_name, ''), '[\s\x0B\pZ]+', ' ', 'g')) AS given_middle
    FROM list_decision AS decision
    CROSS JOIN list_setting
    LEFT JOIN crm_customers_personal AS personal ON decision.customer_id = personal.customer_id
    WHERE decision.reason IS NULL
),

parted AS (  -- the last name, and the other words of the full name
    SELECT
        *,
        TRIM(CASE
            WHEN CONTAINS(written_name, ',') THEN SPLIT_PART(written_name, ',', 1)
            WHEN NOT CONTAINS(written_name, ' ') THEN ''
            WHEN name_order = 'last_first' THEN SPLIT_PART(written_name, ' ', 1)
            ELSE SPLIT_PART(written_name, ' ', -1)
        END) AS full_last,
        TRIM(CASE
            WHEN CONTAINS(written_name, ',')
                THEN REGEXP_REPLACE(SUBSTR(written_name, STRPOS(written_name, ',')), '[, ]+', ' ', 'g')
            WHEN NOT CONTAINS(written_name, ' ') THEN written_name
            WHEN name_order = 'last_first' THEN REGEXP_REPLACE(written_name, '^[^ ]+ ', '')
            ELSE REGEXP_REPLACE(written_name, ' [^ ]+$', '')
        END) AS full_given,
        given_first = '' AND given_last = '' AS is_read
    FROM written
)

SELECT
    parted.list_number,
    channel.campaign_id,
    channel.channel,
    channel.target,
    parted.customer_id,
    parted.email,
    parted.phone,
    parted.push_token,
    parted.messenger_id,
    NULLIF(CASE WHEN parted.is_read THEN SPLIT_PART(parted.full_given, ' ', 1) ELSE parted.given_first END, '')
        AS first_name,
    NULLIF(CASE WHEN parted.is_read THEN parted.full_last ELSE parted.given_last END, '') AS last_name,
    NULLIF(CASE
        WHEN parted.given_middle <> '' OR NOT parted.is_read THEN parted.given_middle
        WHEN CONTAINS(parted.full_given, ' ') THEN REGEXP_REPLACE(parted.full_given, '^[^ ]+ ', '')
        ELSE ''
    END, '') AS middle_name
FROM parted
INNER JOIN list_channel AS channel ON parted.list_number = channel.list_number

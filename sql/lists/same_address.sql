-- Whose address is on the list for another customer: for whoever was assigned earlier, else for the first by id.
-- Few addresses are shared, so only those are put in order. Grain: list and customer who is left out.
WITH usable AS (
    SELECT
        list_number,
        customer_id,
        is_new,
        COALESCE(email, phone, push_token, messenger_id) AS address
    FROM list_candidate
    WHERE reason IS NULL
),

shared AS (
    SELECT
        list_number,
        address
    FROM usable
    GROUP BY list_number, address
    HAVING COUNT(*) > 1
),

ordered AS (
    SELECT
        usable.list_number,
        usable.customer_id,
        RANK() OVER (
            PARTITION BY usable.list_number, usable.address ORDER BY usable.is_new, usable.customer_id
        ) AS address_rank
    FROM usable
    INNER JOIN shared ON usable.list_number = shared.list_number AND usable.address = shared.address
)

SELECT
    list_number,
    customer_id
FROM ordered
WHERE address_rank > 1

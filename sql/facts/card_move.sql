-- Every customer who held a card whose holder changed from one extract of the cards to the next.
-- Grain: card and customer.
WITH former AS (
    SELECT
        earlier.card_id,
        earlier.customer_id
    FROM history.loyalty_cards AS earlier
    INNER JOIN loyalty_cards AS tonight
        ON earlier.card_id = tonight.card_id AND earlier.customer_id <> tonight.customer_id
    UNION
    SELECT
        card_id,
        customer_id
    FROM history.card_move
)

SELECT
    card_id,
    customer_id
FROM former
UNION
SELECT
    tonight.card_id,
    tonight.customer_id
FROM loyalty_cards AS tonight
INNER JOIN former ON tonight.card_id = former.card_id

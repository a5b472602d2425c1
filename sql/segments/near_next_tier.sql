-- Near the next tier: members who are likelier than not to reach the next tier of the programme by the period's end.
-- For a word on what is still missing; distance_to_next_tier says how much. Nobody without a tier file.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND is_member
    AND p_rise >= 0.5

-- Candidates, and the one reason why each is left out; NULL for those who are in the campaign tonight, in either arm.
-- Grain: list and customer.
SELECT
    candidate.list_number,
    candidate.customer_id,
    candidate.name,
    candidate.first_name,
    candidate.last_name,
    candidate.middle_name,
    candidate.email,
    candidate.phone,
    candidate.push_token,
    candidate.messenger_id,
    candidate.is_new,
    candidate.arm,
    CASE
        WHEN candidate.reason IS NOT NULL THEN candidate.reason
        WHEN same_address.customer_id IS NOT NULL THEN 'same_address'
        WHEN over_cap.customer_id IS NOT NULL THEN 'cap'
    END AS reason
FROM list_candidate AS candidate
LEFT JOIN list_same_address AS same_address
    ON candidate.list_number = same_address.list_number AND candidate.customer_id = same_address.customer_id
LEFT JOIN list_over_cap AS over_cap
    ON candidate.list_number = over_cap.list_number AND candidate.customer_id = over_cap.customer_id

-- Evidence that more than two accounts have: it joins nobody, as a family's or a shop's own address would.
-- Grain: rule, evidence and joinable account.
SELECT
    rule,
    evidence,
    'shared' AS reason,
    customer_id
FROM shared_evidence
WHERE customer_count > 2

-- Postings to the point accounts up to tonight, each with the person behind its customer (after merges).
-- Grain: posting. Points that expire and that the ledger does not post are no posting: customer_360 takes them off.
SELECT
    p.entry_id,
    COALESCE(i.customer_id, p.customer_id) AS customer_id,
    p.receipt_id,
    p.kind,
    p.points,
    p.posted_at,
    p.posted_date,
    p.expires_at,
    p.expires_date
FROM points_ledger AS p
INNER JOIN night AS n ON p.posted_date <= n.run_date
LEFT JOIN customer_identity AS i ON p.customer_id = i.source_customer_id

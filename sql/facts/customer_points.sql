-- Point accounts as of tonight. A balance below zero means that the ledger lacks the opening balance.
-- Grain: customer with a posting.
SELECT
    COALESCE(i.customer_id, p.customer_id) AS customer_id,
    SUM(p.points) AS points_balance,
    SUM(CASE WHEN p.kind = 'earn' THEN p.points ELSE 0 END) AS points_earned,
    -SUM(CASE WHEN p.kind = 'spend' THEN p.points ELSE 0 END) AS points_spent
FROM points_ledger AS p
INNER JOIN night AS n ON p.posted_date <= n.run_date
LEFT JOIN customer_identity AS i ON p.customer_id = i.source_customer_id
GROUP BY COALESCE(i.customer_id, p.customer_id)

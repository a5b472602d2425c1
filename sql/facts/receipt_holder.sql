-- Receipts that show a card and name no customer, each with the card's holder (as of tonight, as merges are).
-- Grain: receipt that names no customer, issued while its card was valid.
SELECT
    r.receipt_id,
    h.customer_id
FROM receipts AS r
INNER JOIN loyalty_cards AS h ON r.card_id = h.card_id
WHERE
    r.customer_id IS NULL
    AND r.issued_at BETWEEN COALESCE(h.issued_at, r.issued_at) AND COALESCE(h.closed_at, r.issued_at)

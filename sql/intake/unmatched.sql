-- Rows of lines whose receipt is not there, or of receipts that have no line, as the two small views hold them.
-- Grain: row of candidate, which has a receipt_id each.
SELECT c.receipt_id
FROM candidate AS c ANTI JOIN counterpart AS o ON c.receipt_id = o.receipt_id

-- Who is in a segment that a campaign leaves out.
-- Grain: campaign and customer.
SELECT DISTINCT
    list_excluded_segment.campaign_number,
    in_segment.customer_id
FROM list_excluded_segment
INNER JOIN customer_segment AS in_segment ON list_excluded_segment.segment = in_segment.segment

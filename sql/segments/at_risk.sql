-- At risk: used to buy often and spend well (RFM segments at_risk and cant_lose), and now stay away more than twice as
-- long as they usually do between orders, or are no longer active. For win-back, the best customers first.
SELECT customer_id
FROM customer_360
WHERE
    NOT is_deleted
    AND rfm_segment IN ('at_risk', 'cant_lose')
    -- The usual pause is (last - first order) / (orders - 1). If all buy weekly, even the last fifth may be on time.
    AND (
        NOT is_active
        OR days_since_last_order * (order_count - 1) > 2 * DATE_DIFF('day', first_order_date, last_order_date)
    )

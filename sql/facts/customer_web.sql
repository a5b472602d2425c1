-- Visits to the site and the app as of tonight: the last day of all history, and what was viewed in the active window.
-- Grain: customer (after merges) with a web event.
WITH recent AS (
    SELECT
        v.customer_id,
        SUM(v.view_count) AS view_count
    FROM web_visit AS v
    INNER JOIN night AS n ON v.occurred_date > n.run_date - n.active_days  -- a bare date: older files stay unread
    GROUP BY v.customer_id
)

SELECT
    COALESCE(i.customer_id, w.customer_id) AS customer_id,
    MAX(w.last_visit_date) AS last_visit_date,
    CAST(SUM(COALESCE(r.view_count, 0)) AS BIGINT) AS view_count
FROM web_visitor AS w
LEFT JOIN recent AS r ON w.customer_id = r.customer_id
LEFT JOIN customer_identity AS i ON w.customer_id = i.source_customer_id
GROUP BY COALESCE(i.customer_id, w.customer_id)

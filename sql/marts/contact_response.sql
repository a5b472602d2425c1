-- How customers responded to deliveries of the last year: opened, clicked, and bought within 7 days of the delivery.
-- Grain: customer, channel, and whether the contact was recent; of delivered contacts whose 7 days are over.
WITH reached AS (
    SELECT
        c.contact_id,
        c.customer_id,
        c.channel,
        c.delivered_at,
        c.delivered_date,
        c.opened_at IS NOT NULL OR c.clicked_at IS NOT NULL AS is_opened,
        c.clicked_at IS NOT NULL AS is_clicked,
        -- The last third: what the earlier contacts foretell is held against it.
        DATE_DIFF('day', c.delivered_date, n.run_date) <= 128 AS is_recent,
        CAST(CAST(1 AS DOUBLE) / NULLIF(g.choice_probability, 0) AS DECIMAL(18, 6)) AS weight
    FROM contact AS c
    INNER JOIN night AS n ON DATE_DIFF('day', c.delivered_date, n.run_date) BETWEEN 7 AND 371
    LEFT JOIN channel_log AS g ON c.contact_id = g.contact_id
),

bought AS (
    SELECT DISTINCT r.contact_id
    FROM reached AS r
    INNER JOIN order_fact AS o
        ON
            r.customer_id = o.customer_id
            AND r.delivered_at <= o.issued_at
            AND DATE_DIFF('day', r.delivered_date, o.business_date) BETWEEN 0 AND 7
    WHERE NOT o.is_return
)

SELECT
    r.customer_id,
    r.channel,
    r.is_recent,
    COUNT(*) AS delivered_count,
    COUNT(CASE WHEN r.is_opened THEN 1 END) AS opened_count,
    COUNT(CASE WHEN r.is_clicked THEN 1 END) AS clicked_count,
    COUNT(b.contact_id) AS purchase_count,
    COUNT(CASE WHEN r.is_opened AND NOT r.is_clicked THEN b.contact_id END) AS opened_purchase_count,
    COUNT(CASE WHEN r.is_clicked THEN b.contact_id END) AS clicked_purchase_count,
    COUNT(r.weight) AS logged_count,
    CAST(COALESCE(SUM(r.weight), 0) AS DECIMAL(38, 6)) AS logged_weight,
    CAST(COALESCE(SUM(CASE WHEN b.contact_id IS NOT NULL THEN r.weight END), 0) AS DECIMAL(38, 6))
        AS logged_purchase_weight
FROM reached AS r
LEFT JOIN bought AS b ON r.contact_id = b.contact_id
GROUP BY r.customer_id, r.channel, r.is_recent

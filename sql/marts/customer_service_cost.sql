-- What serving each customer has cost: contacts, spent points, shipping, as far as the extracts say it.
-- Grain: customer with a contact, a posting of points or a receipt. NULL is unknown.
WITH came AS (  -- of what never came the cost is unknown: 0 would say that there was none
    SELECT
        COUNT(CASE WHEN source = 'contacts' AND has_come THEN 1 END) > 0 AS has_contacts,
        COUNT(CASE WHEN source = 'points_ledger' AND has_come THEN 1 END) > 0 AS has_points
    FROM data_quality
),

reached AS (
    SELECT
        customer_id,
        COUNT(*) - COUNT(cost_amount) AS without_cost_count,
        SUM(cost_amount) AS cost_amount
    FROM contact
    GROUP BY customer_id
),

shipped AS (
    SELECT
        p.customer_id,
        SUM(r.shipping_cost_amount) AS cost_amount
    FROM receipts AS r
    INNER JOIN person_receipt AS p ON r.receipt_id = p.receipt_id
    WHERE r.shipping_cost_amount IS NOT NULL
    GROUP BY p.customer_id
),

known AS (
    SELECT COUNT(*) > 0 AS has_shipping
    FROM shipped
)

SELECT
    c.customer_id,
    CAST(
        CASE WHEN a.has_contacts AND COALESCE(m.without_cost_count, 0) = 0 THEN COALESCE(m.cost_amount, 0) END
        AS DECIMAL(38, 2)
    ) AS contact_cost,
    CAST(
        CASE WHEN a.has_points THEN COALESCE(CAST(p.points_spent AS DECIMAL(18, 3)), 0) * n.point_value END
        AS DECIMAL(38, 2)
    ) AS points_cost,
    CAST(CASE WHEN k.has_shipping THEN COALESCE(s.cost_amount, 0) END AS DECIMAL(38, 2)) AS shipping_cost
FROM customer AS c
CROSS JOIN came AS a
CROSS JOIN known AS k
CROSS JOIN night AS n
LEFT JOIN customer_totals AS t ON c.customer_id = t.customer_id
LEFT JOIN reached AS m ON c.customer_id = m.customer_id
LEFT JOIN customer_points AS p ON c.customer_id = p.customer_id
LEFT JOIN shipped AS s ON c.customer_id = s.customer_id
WHERE COALESCE(t.customer_id, m.customer_id, p.customer_id) IS NOT NULL

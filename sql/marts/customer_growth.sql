-- Each customer's probability to spend more, and their headroom against comparable customers and within categories.
-- Grain: customer with an order in the last year.
WITH compared AS (  -- with the peers of the same region, or of all regions if these are too few
    SELECT
        s.*,
        COALESCE(local_peers.region, all_peers.region) AS peer_region,
        COALESCE(local_peers.customer_count, all_peers.customer_count) AS peer_count,
        COALESCE(local_peers.upper_revenue, all_peers.upper_revenue) AS peer_revenue,
        CASE
            WHEN COALESCE(local_peers.upper_revenue, all_peers.upper_revenue) > s.revenue_365d
                THEN COALESCE(local_peers.upper_revenue, all_peers.upper_revenue) - s.revenue_365d
            WHEN all_peers.upper_revenue IS NOT NULL THEN 0
        END AS peer_headroom
    FROM customer_peer AS s
    LEFT JOIN peer_group AS local_peers
        ON
            s.tenure_band = local_peers.tenure_band
            AND s.order_band = local_peers.order_band
            AND s.region = local_peers.region
    LEFT JOIN peer_group AS all_peers
        ON s.tenure_band = all_peers.tenure_band AND s.order_band = all_peers.order_band AND all_peers.region = '*'
)

SELECT
    c.customer_id,
    CAST(n.churn_horizon_days AS BIGINT) AS horizon_days,
    c.spend_last,
    m.p_spend_more,
    m.method,
    c.revenue_365d,
    c.tenure_band,
    c.order_band,
    c.peer_region,
    c.peer_count,
    c.peer_revenue,
    CAST(c.peer_headroom AS DECIMAL(38, 2)) AS peer_headroom,
    h.category_headroom,
    h.headroom_category,
    h.headroom_category_amount,
    CASE
        WHEN c.peer_headroom < h.category_headroom THEN CAST(c.peer_headroom AS DECIMAL(38, 2))
        WHEN c.peer_headroom IS NOT NULL THEN h.category_headroom
    END AS headroom
FROM compared AS c
CROSS JOIN night AS n
LEFT JOIN customer_spend_more AS m ON c.customer_id = m.customer_id
LEFT JOIN customer_headroom AS h ON c.customer_id = h.customer_id
ORDER BY c.customer_id

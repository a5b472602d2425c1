-- Gross profit of each customer over all history: margin less the cost of serving them, as far as the extracts say it.
-- Grain: customer with a contact, a posting of points or a receipt.
WITH profit AS (
    SELECT
        k.customer_id,
        COALESCE(t.revenue, 0) AS revenue,
        CASE WHEN t.customer_id IS NULL THEN 0 ELSE t.gross_margin END AS gross_margin,
        k.contact_cost,
        k.points_cost,
        k.shipping_cost,
        CASE WHEN t.customer_id IS NULL THEN 0 ELSE t.gross_margin END
        - COALESCE(k.contact_cost, 0) - COALESCE(k.points_cost, 0) - COALESCE(k.shipping_cost, 0) AS gross_profit,
        s.customer_id IS NULL AND (t.customer_id IS NULL OR t.gross_margin IS NOT NULL) AS is_ranked
    FROM customer_service_cost AS k
    LEFT JOIN customer_totals AS t ON k.customer_id = t.customer_id
    LEFT JOIN service_account AS s ON k.customer_id = s.customer_id
),

ranked AS (
    SELECT
        *,
        CAST(RANK() OVER (PARTITION BY is_ranked ORDER BY gross_profit) - 1 AS DOUBLE)
        / NULLIF(COUNT(*) OVER (PARTITION BY is_ranked), 0) AS lower_share,
        CAST(RANK() OVER (PARTITION BY is_ranked ORDER BY gross_profit DESC) - 1 AS DOUBLE)
        / NULLIF(COUNT(*) OVER (PARTITION BY is_ranked), 0) AS higher_share
    FROM profit
)

SELECT
    customer_id,
    CAST(revenue AS DECIMAL(38, 2)) AS revenue,
    CAST(gross_margin AS DECIMAL(38, 2)) AS gross_margin,
    contact_cost,
    points_cost,
    shipping_cost,
    CAST(gross_profit AS DECIMAL(38, 2)) AS gross_profit,
    CASE WHEN gross_margin IS NULL THEN 'no_cost_of_goods' END AS gross_profit_reason,
    NULLIF(
        CONCAT_WS(
            ', ',
            CASE WHEN contact_cost IS NULL THEN 'contacts' END,
            CASE WHEN points_cost IS NULL THEN 'points' END,
            CASE WHEN shipping_cost IS NULL THEN 'shipping' END
        ), ''
    ) AS costs_left_out,
    CASE WHEN is_ranked THEN lower_share END AS lower_profit_share,
    CASE
        WHEN NOT is_ranked THEN NULL
        WHEN lower_share >= 0.9 THEN 'highest'
        WHEN higher_share >= 0.9 THEN 'lowest'
        ELSE 'middle'
    END AS profit_group
FROM ranked

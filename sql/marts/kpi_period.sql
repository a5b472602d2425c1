-- Key figures by day, ISO week and month, in all and by channel, store, region, category, acquisition source, segment.
-- Grain: period, its first day, cut and cut value. What a cut cannot say is NULL.
WITH category AS (
    SELECT
        period,
        period_start,
        'all' AS cut,
        SUM(buyers) AS category_buyers
    FROM period_sales
    WHERE cut = 'category' AND cut_value <> 'unknown'
    GROUP BY period, period_start
),

filled AS (  -- days and sources without a receipt have a row, too
    SELECT
        COALESCE(s.period, m.period) AS period,
        COALESCE(s.period_start, m.period_start) AS period_start,
        COALESCE(s.cut, m.cut) AS cut,
        COALESCE(s.cut_value, m.cut_value) AS cut_value,
        COALESCE(s.revenue, 0) AS revenue,
        COALESCE(s.member_revenue, 0) AS member_revenue,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.new_revenue END AS new_revenue,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.returning_revenue END AS returning_revenue,
        COALESCE(s.sale_revenue, 0) AS sale_revenue,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.member_sale_revenue END AS member_sale_revenue,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.gross_margin END AS gross_margin,
        COALESCE(s.receipts, 0) AS receipts,
        COALESCE(s.return_receipts, 0) AS return_receipts,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.member_receipts END AS member_receipts,
        COALESCE(s.orders, 0) AS orders,
        COALESCE(s.buyers, 0) AS buyers,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.member_buyers END AS member_buyers,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.new_buyers END AS new_buyers,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.returning_buyers END AS returning_buyers,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.repeat_buyers END AS repeat_buyers,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.reactivated_buyers END AS reactivated_buyers,
        COALESCE(s.sale_lines, 0) AS sale_lines,
        CASE WHEN s.cut IS NULL THEN 0 ELSE s.quantity END AS quantity,
        m.new_members,
        m.members,
        m.active_members,
        m.opening_active_members,
        m.churned_members
    FROM period_sales AS s
    FULL OUTER JOIN membership_period AS m
        ON s.period = m.period AND s.period_start = m.period_start AND s.cut = m.cut AND s.cut_value = m.cut_value
)

SELECT
    f.period,
    f.period_start,
    f.cut,
    f.cut_value,
    w.period_end,
    w.is_complete,
    f.revenue,
    f.member_revenue,
    f.new_revenue,
    f.returning_revenue,
    f.sale_revenue,
    f.member_sale_revenue,
    f.gross_margin,
    f.receipts,
    f.return_receipts,
    f.member_receipts,
    f.orders,
    f.buyers,
    f.member_buyers,
    f.new_buyers,
    f.returning_buyers,
    f.repeat_buyers,
    f.reactivated_buyers,
    f.sale_lines,
    f.quantity,
    f.revenue - f.member_revenue AS anonymous_revenue,
    f.new_members,
    f.members,
    f.active_members,
    CAST(f.active_members AS DOUBLE) / NULLIF(f.members, 0) AS active_rate,
    f.opening_active_members,
    f.churned_members,
    CAST(f.churned_members AS DOUBLE) / NULLIF(f.opening_active_members, 0) AS churn_rate,
    CAST(CASE WHEN f.cut IN ('all', 'channel', 'store', 'region') THEN f.member_receipts END AS DOUBLE)
    / NULLIF(f.receipts, 0) AS participation_rate,
    CAST(CASE WHEN f.cut IN ('all', 'channel', 'store', 'region') THEN f.member_sale_revenue END AS DOUBLE)
    / NULLIF(f.sale_revenue, 0) AS participation_revenue_rate,
    CAST(f.member_receipts AS DOUBLE) / NULLIF(f.member_buyers, 0) AS orders_per_member_buyer,
    CAST(f.member_revenue AS DOUBLE) / NULLIF(f.orders, 0) AS average_order_value,
    CAST(f.sale_revenue AS DOUBLE) / NULLIF(f.receipts, 0) AS average_receipt,
    CAST(f.sale_lines AS DOUBLE) / NULLIF(f.receipts, 0) AS items_per_receipt,
    CAST(c.category_buyers AS DOUBLE) / NULLIF(f.buyers, 0) AS categories_per_customer,
    CAST(f.repeat_buyers AS DOUBLE) / NULLIF(f.buyers, 0) AS repeat_rate,
    CAST(f.reactivated_buyers AS DOUBLE) / NULLIF(f.buyers, 0) AS reactivation_rate,
    b.benefit_users,
    CAST(b.benefit_users AS DOUBLE) / NULLIF(f.members, 0) AS activity_rate,
    CAST(CASE WHEN f.members IS NOT NULL THEN f.member_buyers END AS DOUBLE) / NULLIF(f.members, 0)
        AS buying_activity_rate,
    p.points_earned,
    p.points_spent,
    CAST(p.points_spent AS DOUBLE) / NULLIF(p.points_earned, 0) AS redemption_rate,
    b.earning_members,
    b.spending_members,
    CAST(b.spending_members AS DOUBLE) / NULLIF(b.earning_members, 0) AS redemption_member_rate
FROM filled AS f
INNER JOIN membership_period AS w
    ON f.period = w.period AND f.period_start = w.period_start AND w.cut = 'all'
LEFT JOIN category AS c ON f.period = c.period AND f.period_start = c.period_start AND f.cut = c.cut
LEFT JOIN period_benefit AS b
    ON f.period = b.period AND f.period_start = b.period_start AND f.cut = b.cut
LEFT JOIN period_points AS p
    ON f.period = p.period AND f.period_start = p.period_start AND f.cut = p.cut

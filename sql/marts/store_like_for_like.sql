-- What stores sold in each month and in the month it is compared with, and whether they were open in both.
-- Grain: month, comparison and store with a receipt in either. All of a month's rows add up to its revenue.
WITH sold AS (
    SELECT
        c.business_month,
        c.compared_with,
        c.is_complete,
        d.cut_value AS store_id,
        SUM(CASE WHEN c.is_own THEN d.revenue ELSE 0 END) AS revenue,
        SUM(CASE WHEN c.is_own THEN 0 ELSE d.revenue END) AS compared_revenue,
        SUM(CASE WHEN c.is_own THEN d.receipts ELSE 0 END) AS receipts,
        SUM(CASE WHEN c.is_own THEN 0 ELSE d.receipts END) AS compared_receipts,
        SUM(CASE WHEN c.is_own THEN d.member_receipts ELSE 0 END) AS member_receipts,
        SUM(CASE WHEN c.is_own THEN 0 ELSE d.member_receipts END) AS compared_member_receipts,
        SUM(CASE WHEN c.is_own THEN d.gross_margin ELSE 0 END) AS gross_margin,
        SUM(CASE WHEN c.is_own THEN 0 ELSE d.gross_margin END) AS compared_gross_margin,
        COUNT(CASE WHEN c.is_own AND d.gross_margin IS NULL THEN 1 END) AS unknown_margins,
        COUNT(CASE WHEN NOT c.is_own AND d.gross_margin IS NULL THEN 1 END) AS compared_unknown_margins
    FROM store_comparison AS c
    INNER JOIN kpi_period AS d
        ON c.from_date = CAST(DATE_TRUNC('month', d.period_start) AS DATE) AND c.until_date >= d.period_start
    WHERE d.period = 'day' AND d.cut = 'store'
    GROUP BY c.business_month, c.compared_with, c.is_complete, d.cut_value
),

shut AS (  -- an opening or a closing may lie 3 days within the days compared, a pause may take 14 of them
    SELECT
        c.business_month,
        c.compared_with,
        s.store_id,
        MIN(
            CASE
                WHEN s.stretch_kind = 'before_opening' AND s.until_date >= c.until_date THEN '1 opened_since'
                WHEN s.stretch_kind = 'before_opening' THEN '2 opened_in_compared_period'
                WHEN s.stretch_kind = 'since_closing' AND s.from_date > c.from_date AND c.is_own
                    THEN '4 closed_in_period'
                WHEN s.stretch_kind = 'since_closing' THEN '3 closed_before_period'
                WHEN c.is_own THEN '5 paused_in_period'
                ELSE '6 paused_in_compared_period'
            END
        ) AS ordered_reason
    FROM store_comparison AS c
    INNER JOIN store_closure AS s ON c.until_date >= s.from_date AND c.from_date <= s.until_date
    WHERE
        DATE_DIFF('day', GREATEST(c.from_date, s.from_date), LEAST(c.until_date, s.until_date))
        >= CASE WHEN s.stretch_kind = 'pause' THEN 14 ELSE 3 END
    GROUP BY c.business_month, c.compared_with, s.store_id
),

judged AS (
    SELECT
        s.*,
        p.store_name,
        CASE
            WHEN s.store_id = 'unknown' THEN 'no_store'
            WHEN p.is_online THEN 'online'
            WHEN p.first_sale_date IS NULL THEN 'no_sales'
            ELSE SUBSTRING(h.ordered_reason, 3)
        END AS reason
    FROM sold AS s
    LEFT JOIN store_profile AS p ON s.store_id = p.store_id
    LEFT JOIN shut AS h
        ON s.business_month = h.business_month AND s.compared_with = h.compared_with AND s.store_id = h.store_id
)

SELECT
    j.business_month,
    j.compared_with,
    j.store_id,
    j.store_name,
    j.is_complete,
    o.until_date,
    b.from_date AS compared_from_date,
    b.until_date AS compared_until_date,
    j.reason IS NULL AS is_like_for_like,
    j.reason,
    CAST(j.revenue AS DECIMAL(38, 2)) AS revenue,
    CAST(j.compared_revenue AS DECIMAL(38, 2)) AS compared_revenue,
    CASE
        WHEN j.reason IS NULL AND j.compared_revenue > 0
            THEN CAST(j.revenue - j.compared_revenue AS DOUBLE) / NULLIF(j.compared_revenue, 0)
    END AS revenue_growth,
    CAST(j.receipts AS BIGINT) AS receipts,
    CAST(j.compared_receipts AS BIGINT) AS compared_receipts,
    CAST(j.member_receipts AS BIGINT) AS member_receipts,
    CAST(j.compared_member_receipts AS BIGINT) AS compared_member_receipts,
    CASE WHEN j.unknown_margins = 0 THEN CAST(j.gross_margin AS DECIMAL(38, 2)) END AS gross_margin,
    CASE WHEN j.compared_unknown_margins = 0 THEN CAST(j.compared_gross_margin AS DECIMAL(38, 2)) END
        AS compared_gross_margin
FROM judged AS j
INNER JOIN store_comparison AS o
    ON j.business_month = o.business_month AND j.compared_with = o.compared_with AND o.is_own
INNER JOIN store_comparison AS b
    ON j.business_month = b.business_month AND j.compared_with = b.compared_with AND NOT b.is_own

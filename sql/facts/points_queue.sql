-- What accounts hold of each lot tonight, and what each taking and expiry took of which lots, where points expire in
-- the order in which they were granted: what of a lot lies between two marks. points_account has all other accounts.
-- Grain: customer_id, takings, kind, lot and moved_month.
WITH lot AS (
    SELECT
        customer_id,
        lot,
        MAX(granted_points) - SUM(points) AS lot_start,
        MAX(granted_points) AS lot_end
    FROM points_mark
    WHERE kind = 4
    GROUP BY customer_id, lot
),

final AS (
    SELECT
        customer_id,
        MAX(mark) AS mark
    FROM points_mark
    GROUP BY customer_id
),

part AS (
    SELECT  -- what was taken of lots that were there
        m.customer_id,
        m.takings,
        m.kind,
        l.lot,
        m.moved_month,
        LEAST(m.mark, m.granted_points, l.lot_end) - GREATEST(m.mark_before, l.lot_start) AS points
    FROM points_mark AS m
    INNER JOIN lot AS l
        ON m.customer_id = l.customer_id AND m.mark_before < l.lot_end AND LEAST(m.mark, m.granted_points) > l.lot_start
    WHERE m.mark > m.mark_before
    UNION ALL
    SELECT  -- what nothing was there for
        m.customer_id,
        m.takings,
        m.kind,
        0 AS lot,
        m.moved_month,
        m.mark - GREATEST(m.mark_before, m.granted_points) AS points
    FROM points_mark AS m
    WHERE m.mark > m.mark_before
    UNION ALL
    SELECT  -- what a grant pays of a debt
        m.customer_id,
        m.takings,
        m.kind,
        m.lot,
        m.moved_month,
        LEAST(m.mark, m.granted_points) - m.granted_points + m.points AS points
    FROM points_mark AS m
    WHERE m.kind = 4
    UNION ALL
    SELECT  -- what is left
        l.customer_id,
        0 AS takings,
        0 AS kind,
        l.lot,
        CAST(NULL AS DATE) AS moved_month,
        l.lot_end - GREATEST(l.lot_start, f.mark) AS points
    FROM lot AS l
    INNER JOIN final AS f ON l.customer_id = f.customer_id
)

SELECT
    customer_id,
    CAST(takings AS BIGINT) AS takings,
    CAST(kind AS INTEGER) AS kind,
    CAST(lot AS BIGINT) AS lot,
    moved_month,
    CAST(points AS DECIMAL(38, 3)) AS points
FROM part
WHERE points > 0

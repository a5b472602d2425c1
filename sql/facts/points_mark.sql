-- Where points expire in the order in which they were granted: how far along all that was granted each step has come.
-- Grain: customer_id, takings, kind and lot. points_queue is worked out of it.
-- Grants lie end to end on a line, and what takes points moves a mark along it. Spending moves it by what is spent, an
-- expiry to the end of its lot, an expiry that the ledger posts to all that was ever taken, if the mark is not there.
WITH step AS (
    SELECT
        *,
        SUM(CASE WHEN kind = 4 THEN points ELSE 0 END) OVER so_far AS granted_points,
        SUM(CASE WHEN kind < 3 THEN -points ELSE 0 END) OVER so_far AS spent,
        SUM(CASE WHEN kind < 4 THEN -points ELSE 0 END) OVER so_far AS taken
    FROM points_step
    WHERE is_in_order
    WINDOW so_far AS (PARTITION BY customer_id ORDER BY takings, kind, lot ROWS UNBOUNDED PRECEDING)
),

lot AS (
    SELECT
        customer_id,
        lot,
        MAX(granted_points) AS lot_end
    FROM step
    WHERE kind = 4
    GROUP BY customer_id, lot
),

marked AS (
    SELECT
        s.customer_id,
        s.takings,
        s.kind,
        s.lot,
        s.moved_month,
        s.points,
        s.granted_points,
        s.spent + GREATEST(COALESCE(MAX(
            CASE s.kind WHEN 3 THEN s.taken - s.spent WHEN 5 THEN l.lot_end - s.spent END
        ) OVER so_far, 0), 0) AS mark
    FROM step AS s
    LEFT JOIN lot AS l ON s.customer_id = l.customer_id AND s.lot = l.lot
    WINDOW so_far AS (PARTITION BY s.customer_id ORDER BY s.takings, s.kind, s.lot ROWS UNBOUNDED PRECEDING)
)

SELECT
    customer_id,
    takings,
    kind,
    lot,
    moved_month,
    points,
    CAST(granted_points AS DECIMAL(38, 3)) AS granted_points,
    CAST(mark AS DECIMAL(38, 3)) AS mark,
    CAST(COALESCE(
        LAG(mark) OVER (PARTITION BY customer_id ORDER BY takings, kind, lot), 0
    ) AS DECIMAL(38, 3)) AS mark_before
FROM marked

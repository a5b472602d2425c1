-- Points past their expiry that the ledger has not posted as expired, and those that expire next, if within 31 days.
-- Grain: customer of whom points have come to their expiry or will. Points that expire first are spent first.
-- A step is a list, so that it is of one type with lots: its place; its kind and what is spent; the lot that expires
-- and what the ledger posts as expired; the lot and what is granted.
WITH history AS (
    SELECT
        customer_id,
        LIST_SORT(LIST([
            { 'lot': takings, 'points': CAST(0 AS DECIMAL(38, 3)) },
            { 'lot': CAST(kind AS BIGINT), 'points': CASE WHEN kind = 1 THEN -points ELSE 0 END },
            { 'lot': CASE WHEN kind = 4 THEN lot ELSE 0 END, 'points': CASE WHEN kind = 2 THEN -points ELSE 0 END },
            { 'lot': lot, 'points': CASE WHEN kind = 3 THEN points ELSE 0 END }
        ]) FILTER (WHERE kind < 5)) AS steps,
        LIST_CONCAT(
            [
                { 'lot': CAST(-1 AS BIGINT), 'points': CAST(0 AS DECIMAL(38, 3)) },
                { 'lot': CAST(0 AS BIGINT), 'points': CAST(0 AS DECIMAL(38, 3)) }
            ],
            LIST_SORT(LIST({ 'lot': lot, 'points': CAST(0 AS DECIMAL(38, 3)) }) FILTER (WHERE kind >= 4))
        ) AS lots
    FROM points_step
    GROUP BY customer_id
),

-- held[1] is what has expired and is not posted. held[2] is the balance. held[3] is what the next expiry takes away;
-- each further lot has besides what all lots before it have. So spending takes as much from each, and at most all.
account AS (
    SELECT
        customer_id,
        LIST_REDUCE(
            steps,
            (held, step) -> LIST_TRANSFORM(
                LIST_FILTER(held, x -> x.lot <= 0 OR x.lot > step[3].lot),
                x -> {
                    'lot': x.lot,
                    'points': CAST(CASE
                        WHEN x.lot = -1
                            THEN
                                GREATEST(x.points - step[3].points, 0)
                                + CASE WHEN step[3].lot > 0 THEN held[3].points ELSE 0 END
                        ELSE
                            GREATEST(
                                LEAST(  -- what is granted pays a debt first
                                    x.points
                                    + CASE WHEN x.lot = 0 OR x.lot >= step[4].lot THEN step[4].points ELSE 0 END,
                                    held[2].points + step[4].points
                                )
                                - step[2].points
                                - GREATEST(step[3].points - held[1].points, 0)
                                - CASE WHEN step[3].lot > 0 THEN held[3].points ELSE 0 END,
                                CASE WHEN x.lot > 0 THEN 0 END
                            )
                    END AS DECIMAL(38, 3))
                }
            ),
            lots
        ) AS held
    FROM history
),

next_lot AS (  -- the first with points left; one without any after them all, because Spark takes no first of none
    SELECT
        customer_id,
        held[1].points AS points,
        LIST_CONCAT(
            LIST_FILTER(held, x -> x.lot > 0 AND x.points > 0),
            [{ 'lot': CAST(NULL AS BIGINT), 'points': CAST(NULL AS DECIMAL(38, 3)) }]
        )[1] AS expiring
    FROM account
)

SELECT
    l.customer_id,
    l.points,
    n.run_date + CAST(l.expiring.lot - 500000000 AS INTEGER) AS next_expiry_date,
    l.expiring.points AS next_expiry_points
FROM next_lot AS l
CROSS JOIN night AS n

-- What accounts hold of each lot tonight, and what each taking and expiry took of which lots, where points may expire
-- sooner than some that were granted before. points_queue has all other accounts.
-- Grain: customer_id, takings, kind and lot. Of what is held, lot -1 has expired and is not posted, lot 0 is the
-- balance, and each other lot has besides what all lots before it have: spending takes as much from each, and at most
-- all. What has moved stands behind, by its kind: a taking up to each of its lots, as lot 0 what nothing was there for.
WITH history AS (
    SELECT
        customer_id,
        LIST_SORT(LIST({
            'takings': takings, 'kind': kind, 'lot': lot, 'month': moved_month, 'points': points
        })) AS steps
    FROM points_step
    WHERE NOT is_in_order
    GROUP BY customer_id
),

account AS (
    SELECT
        customer_id,
        LIST_REDUCE(
            LIST_TRANSFORM(LIST_FILTER(steps, x -> x.kind > 0), x -> [x]),
            (held, step) -> LIST_TRANSFORM(
                [CAST(CASE step[1].kind
                    WHEN 5  -- what the lots up to this one have more than those before it
                        THEN LIST_MAX(LIST_TRANSFORM(
                            held, x -> CASE WHEN x.kind = 0 AND x.lot BETWEEN 1 AND step[1].lot THEN x.points ELSE 0 END
                        )) - LIST_MAX(LIST_TRANSFORM(
                            held,
                            x -> CASE WHEN x.kind = 0 AND x.lot BETWEEN 1 AND step[1].lot - 1 THEN x.points ELSE 0 END
                        ))
                    WHEN 4 THEN step[1].points
                    WHEN 3 THEN GREATEST(-step[1].points - held[1].points, 0)
                    ELSE -step[1].points
                END AS DECIMAL(38, 3))],
                moved -> LIST_CONCAT(
                    LIST_TRANSFORM(
                        LIST_FILTER(held, x -> step[1].kind < 5 OR x.kind > 0 OR x.lot <> step[1].lot),
                        x -> {
                            'takings': x.takings, 'kind': x.kind, 'lot': x.lot, 'month': x.month,
                            'points': CAST(CASE
                                WHEN x.kind > 0 THEN x.points
                                WHEN x.lot = -1 AND step[1].kind = 3 THEN GREATEST(x.points + step[1].points, 0)
                                WHEN x.lot = -1 THEN x.points + CASE WHEN step[1].kind = 5 THEN moved ELSE 0 END
                                WHEN x.lot = 0 THEN x.points + CASE WHEN step[1].kind = 4 THEN moved ELSE -moved END
                                WHEN step[1].kind = 4  -- what is granted pays a debt first
                                    THEN GREATEST(LEAST(
                                        x.points + CASE WHEN x.lot >= step[1].lot THEN moved ELSE 0 END,
                                        held[2].points + moved
                                    ), 0)
                                WHEN step[1].kind = 5
                                    THEN x.points - CASE WHEN x.lot > step[1].lot THEN moved ELSE 0 END
                                ELSE GREATEST(x.points - moved, 0)
                            END AS DECIMAL(38, 3))
                        }
                    ),
                    LIST_TRANSFORM(
                        LIST_CONCAT(
                            LIST_FILTER(step, x -> x.kind = 5 OR (x.kind = 4 AND held[2].points < 0)),
                            LIST_FILTER(held, x -> x.kind = 0 AND x.lot > 0 AND x.points < moved AND step[1].kind < 4),
                            LIST_FILTER([LIST_CONCAT(  -- the lot that has the rest, else the balance, for none
                                LIST_FILTER(held, x -> x.kind = 0 AND x.lot > 0 AND x.points >= moved), [held[2]]
                            )[1]], x -> step[1].kind < 4)
                        ),
                        x -> {
                            'takings': step[1].takings, 'kind': step[1].kind, 'lot': x.lot, 'month': step[1].month,
                            'points': CAST(CASE
                                WHEN step[1].kind = 5 THEN moved
                                WHEN step[1].kind = 4 THEN LEAST(moved, -held[2].points)
                                WHEN x.lot = 0 THEN moved - GREATEST(held[2].points, 0)
                                ELSE LEAST(x.points, moved)
                            END AS DECIMAL(38, 3))
                        }
                    )
                )
            )[1],
            LIST_FILTER(steps, x -> x.kind = 0)
        ) AS held
    FROM history
),

move AS (
    SELECT
        customer_id,
        UNNEST(held) AS moved
    FROM account
)

SELECT
    customer_id,
    moved.takings,
    moved.kind,
    moved.lot,
    moved.month AS moved_month,
    moved.points
FROM move
WHERE moved.points > 0 AND (moved.lot > 0 OR (moved.lot = 0 AND moved.kind > 0))

-- Point accounts as of tonight. A balance below zero means that the ledger lacks the opening balance.
-- Grain: customer with a posting. Those points are spent first that expire first.
WITH posted AS (
    SELECT
        COALESCE(i.customer_id, p.customer_id) AS customer_id,
        SUM(p.points) AS points_balance,
        SUM(CASE WHEN p.kind = 'earn' THEN p.points ELSE 0 END) AS points_earned,
        -SUM(CASE WHEN p.kind = 'spend' THEN p.points ELSE 0 END) AS points_spent,
        -SUM(CASE WHEN p.kind = 'expire' THEN p.points ELSE 0 END) AS points_expired
    FROM points_ledger AS p
    INNER JOIN night AS n ON p.posted_date <= n.run_date
    LEFT JOIN customer_identity AS i ON p.customer_id = i.source_customer_id
    GROUP BY COALESCE(i.customer_id, p.customer_id)
),

-- A step is a list, so that it is of one type with lots: its place; its kind and what is spent; the lot and what is
-- granted; the lot that expires and what the ledger posts as expired.
history AS (
    SELECT
        customer_id,
        LIST_SORT(LIST([
            { 'lot': takings_before, 'points': CAST(0 AS DECIMAL(38, 3)) },
            { 'lot': CAST(kind AS BIGINT), 'points': CASE WHEN kind = 3 THEN -points ELSE 0 END },
            { 'lot': lot, 'points': CASE WHEN kind = 1 THEN points ELSE 0 END },
            { 'lot': CASE WHEN kind = 2 THEN lot ELSE 0 END, 'points': CASE WHEN kind = 4 THEN -points ELSE 0 END }
        ])) AS steps,
        LIST_CONCAT(
            [
                { 'lot': CAST(-1 AS BIGINT), 'points': CAST(0 AS DECIMAL(38, 3)) },
                { 'lot': CAST(0 AS BIGINT), 'points': CAST(0 AS DECIMAL(38, 3)) }
            ],
            LIST_SORT(LIST({ 'lot': lot, 'points': CAST(0 AS DECIMAL(38, 3)) }) FILTER (WHERE kind = 2))
        ) AS lots
    FROM points_step
    GROUP BY customer_id
),

-- held[1] is what has expired and is not posted. held[2] is the balance. held[3] is what the next expiry takes away;
-- each further lot has besides what all lots before it have. So spending takes as much from each, and at most all.
left_over AS (
    SELECT
        customer_id,
        LIST_REDUCE(
            steps,
            (held, step) -> LIST_TRANSFORM(
                LIST_FILTER(held, x -> x.lot <= 0 OR x.lot > step[4].lot),
                x -> {
                    'lot': x.lot,
                    'points': CAST(CASE
                        WHEN x.lot = -1
                            THEN
                                GREATEST(x.points - step[4].points, 0)
                                + CASE WHEN step[4].lot > 0 THEN held[3].points ELSE 0 END
                        ELSE
                            GREATEST(
                                LEAST(  -- what is granted pays a debt first
                                    x.points
                                    + CASE WHEN x.lot = 0 OR x.lot >= step[3].lot THEN step[3].points ELSE 0 END,
                                    held[2].points + step[3].points
                                )
                                - step[2].points
                                - GREATEST(step[4].points - held[1].points, 0)
                                - CASE WHEN step[4].lot > 0 THEN held[3].points ELSE 0 END,
                                CASE WHEN x.lot > 0 THEN 0 END
                            )
                    END AS DECIMAL(38, 3))
                }
            ),
            lots
        )[1].points AS unposted
    FROM history
)

SELECT
    p.customer_id,
    CAST(p.points_balance - COALESCE(l.unposted, 0) AS DECIMAL(38, 3)) AS points_balance,
    CAST(p.points_earned AS DECIMAL(38, 3)) AS points_earned,
    CAST(p.points_spent AS DECIMAL(38, 3)) AS points_spent,
    CAST(p.points_expired + COALESCE(l.unposted, 0) AS DECIMAL(38, 3)) AS points_expired
FROM posted AS p
LEFT JOIN left_over AS l ON p.customer_id = l.customer_id

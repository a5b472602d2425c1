-- Postings to the point accounts up to tonight, by day, each grant with the lot that it belongs to.
-- Grain: customer_id, posted_date, kind and expires_date. A lot is a run of grants that are spent one after another and
-- that are granted in one month and gone at one time, as far as anything tells: between the same two takings, in one
-- month; tonight's coming 62 days are known by the day, later ones by the month.
WITH posting AS (
    SELECT
        COALESCE(i.customer_id, p.customer_id) AS customer_id,
        CASE WHEN p.points > 0 THEN 4 WHEN p.kind = 'expire' THEN 3 WHEN p.kind = 'spend' THEN 2 ELSE 1 END AS kind,
        CASE WHEN p.points < 0 THEN 1 ELSE 0 END AS taking,
        p.posted_date,
        CASE
            WHEN p.points > 0 AND p.expires_date IS NOT NULL THEN GREATEST(p.expires_date, p.posted_date)
        END AS expires_date,
        CASE
            WHEN p.points < 0 THEN p.posted_date
            WHEN p.expires_date IS NULL THEN DATE '9999-12-31'
            ELSE GREATEST(p.expires_date, p.posted_date)
        END AS until_date,
        SUM(p.points) AS points
    FROM points_ledger AS p
    INNER JOIN night AS n ON p.posted_date <= n.run_date
    LEFT JOIN customer_identity AS i ON p.customer_id = i.source_customer_id
    WHERE p.points <> 0
    GROUP BY ALL
),

placed AS (  -- of one day, points are granted before any are taken, and expire after that
    SELECT
        p.customer_id,
        p.kind,
        p.posted_date,
        p.expires_date,
        CAST(DATE_TRUNC('month', p.posted_date) AS DATE) AS moved_month,
        CAST(DATE_TRUNC('month', p.until_date) AS DATE) AS until_month,
        CASE
            WHEN p.until_date > n.run_date AND p.until_date <= n.run_date + 62 THEN p.until_date
            ELSE DATE '9999-12-31'
        END AS until_day,
        CASE
            WHEN p.until_date <= n.run_date
                THEN SUM(p.taking) OVER (PARTITION BY p.customer_id ORDER BY p.until_date, 1 - p.taking)
            ELSE -1
        END AS until_takings,
        CASE WHEN n.points_order = 'posted_first' THEN p.posted_date ELSE p.until_date END AS first_by,
        CASE WHEN n.points_order = 'posted_first' THEN p.until_date ELSE p.posted_date END AS then_by,
        SUM(p.taking) OVER (PARTITION BY p.customer_id ORDER BY p.posted_date, p.taking) AS takings,
        p.points
    FROM posting AS p
    CROSS JOIN night AS n
),

run AS (
    SELECT
        *,
        CASE
            WHEN kind < 4 THEN 0
            WHEN
                moved_month = LAG(moved_month) OVER grants
                AND until_month = LAG(until_month) OVER grants
                AND until_day = LAG(until_day) OVER grants
                AND until_takings = LAG(until_takings) OVER grants
                THEN 0
            ELSE 1
        END AS is_first,
        CASE WHEN kind = 4 AND then_by < LAG(then_by) OVER grants THEN 1 ELSE 0 END AS is_sooner
    FROM placed
    WINDOW grants AS (PARTITION BY customer_id, kind ORDER BY first_by, then_by)
)

SELECT
    r.customer_id,
    r.posted_date,
    r.kind,
    r.expires_date,
    r.moved_month,
    CASE WHEN r.expires_date IS NOT NULL THEN r.until_month END AS expires_month,
    CASE WHEN r.kind = 4 AND r.until_day < DATE '9999-12-31' THEN r.until_day END AS due_date,
    CAST(r.takings AS BIGINT) AS takings,
    CASE WHEN r.kind = 4 AND r.until_takings >= 0 THEN CAST(r.until_takings AS BIGINT) END AS expired_takings,
    CAST(CASE
        WHEN r.kind = 4
            THEN SUM(r.is_first) OVER (PARTITION BY r.customer_id, r.kind ORDER BY r.first_by, r.then_by)
        ELSE 0
    END AS BIGINT) AS lot,
    SUM(r.is_sooner) OVER (PARTITION BY r.customer_id) = 0 AS is_in_order,
    CAST(r.points AS DECIMAL(38, 3)) AS points
FROM run AS r

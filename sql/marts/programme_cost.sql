-- What points, contacts, campaigns and the running of the programme cost by month, up to tonight.
-- Grain: month with a cost or a posting of points. Points cost when they are spent; what was granted stands beside.
WITH entry AS (  -- the many postings and messages summed by day, so that few rows are told apart
    SELECT
        posted_date AS cost_date,
        kind AS item,
        SUM(points) AS quantity,
        CAST(NULL AS BIGINT) AS message_count
    FROM points_ledger
    WHERE kind IN ('earn', 'spend')
    GROUP BY posted_date, kind
    UNION ALL
    SELECT
        sent_date AS cost_date,
        'contact' AS item,
        SUM(cost_amount) AS quantity,
        COUNT(*) AS message_count
    FROM contacts
    GROUP BY sent_date
    UNION ALL
    SELECT
        COALESCE(starts_on, ends_on, landing_date) AS cost_date,
        'campaign' AS item,
        cost_amount AS quantity,
        NULL AS message_count
    FROM campaigns
    WHERE cost_amount IS NOT NULL
    UNION ALL
    SELECT
        month AS cost_date,
        'running' AS item,
        cost_amount AS quantity,
        NULL AS message_count
    FROM programme_costs
),

summed AS (
    SELECT
        CAST(DATE_TRUNC('month', entry.cost_date) AS DATE) AS month_date,
        CAST(SUM(CASE WHEN entry.item = 'earn' THEN entry.quantity END) AS DECIMAL(19, 3)) AS points_granted,
        CAST(SUM(CASE WHEN entry.item = 'spend' THEN -entry.quantity END) AS DECIMAL(19, 3)) AS points_spent,
        CAST(SUM(entry.message_count) AS BIGINT) AS contact_count,
        CAST(SUM(CASE WHEN entry.item = 'contact' THEN entry.quantity END) AS DECIMAL(38, 2)) AS contact_cost_amount,
        CAST(SUM(CASE WHEN entry.item = 'campaign' THEN entry.quantity END) AS DECIMAL(38, 2)) AS campaign_cost_amount,
        CAST(SUM(CASE WHEN entry.item = 'running' THEN entry.quantity END) AS DECIMAL(38, 2)) AS running_cost_amount,
        MIN(night.point_value) AS point_value
    FROM entry
    INNER JOIN night ON entry.cost_date <= night.run_date
    GROUP BY CAST(DATE_TRUNC('month', entry.cost_date) AS DATE)
),

valued AS (
    SELECT
        summed.*,
        CAST(points_granted * point_value AS DECIMAL(38, 2)) AS points_granted_amount,
        CAST(points_spent * point_value AS DECIMAL(38, 2)) AS points_cost_amount
    FROM summed
)

SELECT
    month_date,
    points_granted,
    points_granted_amount,
    points_spent,
    points_cost_amount,
    contact_count,
    contact_cost_amount,
    campaign_cost_amount,
    running_cost_amount,
    CAST(
        COALESCE(points_cost_amount, 0) + COALESCE(contact_cost_amount, 0)
        + COALESCE(campaign_cost_amount, 0) + COALESCE(running_cost_amount, 0) AS DECIMAL(38, 2)
    ) AS total_cost_amount
FROM valued

-- The assignment that counts of those of a person's several accounts: ours before an extract's, an extract's before
-- one that was stored of an earlier extract, then the earliest. Grain: campaign and person with several accounts.
WITH known AS (
    SELECT
        *,
        CASE source WHEN 'export' THEN 1 ELSE 3 END AS preference
    FROM list_stored_assignment
    UNION ALL
    SELECT
        *,
        2 AS preference
    FROM list_extract_assignment
),

ordered AS (
    SELECT
        known.campaign_id,
        merged_account.person_id,
        known.channel,
        known.arm,
        known.assigned_at,
        known.assigned_date,
        known.window_days,
        known.control_share,
        known.source,
        RANK() OVER (
            PARTITION BY known.campaign_id, merged_account.person_id
            ORDER BY known.preference, known.assigned_date, known.assigned_at, known.customer_id
        ) AS assignment_rank
    FROM known
    INNER JOIN list_merged_account AS merged_account ON known.customer_id = merged_account.account_id
)

SELECT
    campaign_id,
    person_id AS customer_id,
    channel,
    arm,
    assigned_at,
    assigned_date,
    window_days,
    control_share,
    source
FROM ordered
WHERE assignment_rank = 1

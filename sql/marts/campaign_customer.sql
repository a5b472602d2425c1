-- Customers assigned to campaigns (extracts and own exports), with their arm and the days of the outcome.
-- Grain: campaign and customer. Of a person's several accounts the first that was assigned says the arm.
WITH assignment AS (
    SELECT
        campaign_member.campaign_id,
        campaign_member.customer_id,
        campaign_member.arm,
        COALESCE(campaign_member.assigned_date, campaigns.starts_on) AS assigned_date,
        CASE
            WHEN campaign_member.assigned_at <> CAST(campaign_member.assigned_date AS TIMESTAMP WITH TIME ZONE)
                THEN campaign_member.assigned_at
        END AS assigned_at,
        FALSE AS is_own,
        campaigns.window_days,
        campaigns.control_share
    FROM campaign_member
    LEFT JOIN campaigns ON campaign_member.campaign_id = campaigns.campaign_id
    UNION ALL
    SELECT
        campaign_id,
        customer_id,
        arm,
        assigned_date,
        CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS assigned_at,
        TRUE AS is_own,
        window_days,
        control_share
    FROM history.campaign_assignment
    WHERE source = 'export'
),

-- An own list leaves after the night: the purchase that put a customer on it is no outcome of it. Of an extract's
-- assignment the day counts whole, or from the moment on if it has one.
counted AS (
    SELECT
        assignment.*,
        CASE WHEN is_own OR assigned_at IS NOT NULL THEN assigned_date + 1 ELSE assigned_date END AS counts_from,
        CASE WHEN is_own THEN 1 ELSE 2 END AS preference
    FROM assignment
),

person AS (
    SELECT
        counted.campaign_id,
        COALESCE(customer_identity.customer_id, counted.customer_id) AS customer_id,
        counted.arm,
        counted.assigned_date,
        counted.assigned_at,
        counted.counts_from,
        counted.window_days,
        counted.control_share,
        RANK() OVER (
            PARTITION BY counted.campaign_id, COALESCE(customer_identity.customer_id, counted.customer_id)
            ORDER BY counted.preference, counted.counts_from, counted.customer_id
        ) AS assignment_rank
    FROM counted
    LEFT JOIN customer_identity ON counted.customer_id = customer_identity.source_customer_id
)

-- The window ends window_days after the assignment, else on the campaign's last day, else 30 days after the assignment.
SELECT
    person.campaign_id,
    person.customer_id,
    person.arm,
    person.control_share,
    person.assigned_date,
    person.assigned_at,
    person.counts_from,
    CASE
        WHEN person.window_days IS NOT NULL THEN person.assigned_date + CAST(person.window_days AS INTEGER)
        WHEN campaigns.ends_on IS NOT NULL THEN GREATEST(campaigns.ends_on, person.counts_from)
        ELSE person.assigned_date + 30
    END AS window_end_date
FROM person
CROSS JOIN night
LEFT JOIN campaigns ON person.campaign_id = campaigns.campaign_id
WHERE person.assigned_date <= night.run_date AND person.assignment_rank = 1

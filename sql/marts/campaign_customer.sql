-- Customers assigned to campaigns (extracts and own exports), with their arm and the days of the outcome.
-- Grain: campaign and customer. A person whose merged accounts were put into both arms is left out.
WITH assignment AS (
    SELECT
        campaign_members.campaign_id,
        campaign_members.customer_id,
        COALESCE(campaign_members.arm, 'treated') AS arm,
        COALESCE(campaign_members.assigned_date, campaigns.starts_on) AS assigned_date,
        CASE
            WHEN campaign_members.assigned_at <> CAST(campaign_members.assigned_date AS TIMESTAMP WITH TIME ZONE)
                THEN campaign_members.assigned_at
        END AS assigned_at,
        FALSE AS is_own,
        campaigns.window_days
    FROM campaign_members
    LEFT JOIN campaigns ON campaign_members.campaign_id = campaigns.campaign_id
    UNION ALL
    SELECT
        campaign_id,
        customer_id,
        arm,
        assigned_date,
        CAST(NULL AS TIMESTAMP WITH TIME ZONE) AS assigned_at,
        TRUE AS is_own,
        window_days
    FROM history.campaign_assignment
    WHERE source = 'export'
),

-- An own list leaves after the night: the purchase that put a customer on it is no outcome of it. Of an extract's
-- assignment the day counts whole, or from the moment on if it has one.
counted AS (
    SELECT
        assignment.*,
        CASE WHEN is_own OR assigned_at IS NOT NULL THEN assigned_date + 1 ELSE assigned_date END AS counts_from
    FROM assignment
),

person AS (
    SELECT
        counted.campaign_id,
        COALESCE(customer_identity.customer_id, counted.customer_id) AS customer_id,
        MIN(counted.arm) AS arm,
        MIN(counted.assigned_date) AS assigned_date,
        MIN(counted.assigned_at) AS assigned_at,
        MIN(counted.counts_from) AS counts_from,
        MIN(counted.window_days) AS window_days
    FROM counted
    LEFT JOIN customer_identity ON counted.customer_id = customer_identity.source_customer_id
    GROUP BY counted.campaign_id, COALESCE(customer_identity.customer_id, counted.customer_id)
    HAVING MIN(counted.arm) = MAX(counted.arm)
)

-- The window ends window_days after the assignment, else on the campaign's last day, else 30 days after the assignment.
SELECT
    person.campaign_id,
    person.customer_id,
    person.arm,
    person.assigned_date,
    CASE WHEN person.counts_from > person.assigned_date THEN person.assigned_at END AS assigned_at,
    person.counts_from,
    CASE
        WHEN person.window_days IS NOT NULL THEN person.assigned_date + CAST(person.window_days AS INTEGER)
        WHEN campaigns.ends_on IS NOT NULL THEN GREATEST(campaigns.ends_on, person.counts_from)
        ELSE person.assigned_date + 30
    END AS window_end_date
FROM person
CROSS JOIN night
LEFT JOIN campaigns ON person.campaign_id = campaigns.campaign_id
WHERE person.assigned_date <= night.run_date

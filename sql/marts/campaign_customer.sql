-- Customers assigned to campaigns (extracts and own exports), with their arm and the last day of the outcome.
-- Grain: campaign and customer. A person whose merged accounts were put into both arms is left out.
WITH assignment AS (
    SELECT
        campaign_members.campaign_id,
        campaign_members.customer_id,
        COALESCE(campaign_members.arm, 'treated') AS arm,
        COALESCE(campaign_members.assigned_date, campaigns.starts_on) AS assigned_date,
        campaigns.window_days
    FROM campaign_members
    LEFT JOIN campaigns ON campaign_members.campaign_id = campaigns.campaign_id
    UNION ALL
    SELECT
        campaign_id,
        customer_id,
        arm,
        assigned_date,
        window_days
    FROM history.campaign_assignment
    WHERE source = 'export'
),

person AS (
    SELECT
        assignment.campaign_id,
        COALESCE(customer_identity.customer_id, assignment.customer_id) AS customer_id,
        MIN(assignment.arm) AS arm,
        MIN(assignment.assigned_date) AS assigned_date,
        MIN(assignment.window_days) AS window_days
    FROM assignment
    LEFT JOIN customer_identity ON assignment.customer_id = customer_identity.source_customer_id
    GROUP BY assignment.campaign_id, COALESCE(customer_identity.customer_id, assignment.customer_id)
    HAVING MIN(assignment.arm) = MAX(assignment.arm)
)

-- The window ends window_days after the assignment, else on the campaign's last day, else 30 days after the assignment.
SELECT
    person.campaign_id,
    person.customer_id,
    person.arm,
    person.assigned_date,
    CASE
        WHEN person.window_days IS NOT NULL THEN person.assigned_date + CAST(person.window_days AS INTEGER)
        WHEN campaigns.ends_on IS NOT NULL THEN GREATEST(campaigns.ends_on, person.assigned_date)
        ELSE person.assigned_date + 30
    END AS window_end_date
FROM person
CROSS JOIN night
LEFT JOIN campaigns ON person.campaign_id = campaigns.campaign_id
WHERE person.assigned_date <= night.run_date

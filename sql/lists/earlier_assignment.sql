-- Who was assigned before tonight: our own assignments stand, an extract replaces what was stored of an earlier one.
-- Only those of persons with several accounts need to be put in order. Grain: campaign and person.
WITH known AS (
    SELECT exported.*
    FROM list_stored_assignment AS exported
    WHERE exported.source = 'export'
    UNION ALL
    SELECT latest.*
    FROM list_extract_assignment AS latest
    ANTI JOIN list_stored_assignment AS exported
        ON
            latest.campaign_id = exported.campaign_id
            AND latest.customer_id = exported.customer_id
            AND exported.source = 'export'
    UNION ALL
    SELECT recorded.*
    FROM list_stored_assignment AS recorded
    ANTI JOIN list_extract_assignment AS latest
        ON recorded.campaign_id = latest.campaign_id AND recorded.customer_id = latest.customer_id
    WHERE recorded.source <> 'export'
)

SELECT
    known.campaign_id,
    known.customer_id,
    known.channel,
    known.arm,
    known.assigned_at,
    known.assigned_date,
    known.window_days,
    known.control_share,
    known.source
FROM known
ANTI JOIN list_merged_account AS merged_account ON known.customer_id = merged_account.account_id
UNION ALL
SELECT
    campaign_id,
    customer_id,
    channel,
    arm,
    assigned_at,
    assigned_date,
    window_days,
    control_share,
    source
FROM list_merged_assignment

-- Candidates, and the one reason why each is on no list; NULL for those who are on it tonight.
-- Grain: list and customer. is_turn: in the campaign tonight, in either arm; is_eligible: only repeats, the cap and the
-- campaign's control can keep them from the list.
WITH decided AS (
    SELECT
        candidate.list_number,
        candidate.customer_id,
        candidate.email,
        candidate.phone,
        candidate.push_token,
        candidate.messenger_id,
        candidate.is_new,
        candidate.arm,
        had_turn.customer_id IS NOT NULL AS had_turn,
        CASE
            WHEN candidate.reason IS NOT NULL THEN candidate.reason
            WHEN same_address.customer_id IS NOT NULL THEN 'same_address'
            WHEN other_channel.customer_id IS NOT NULL THEN 'other_channel'
            WHEN had_turn.customer_id IS NOT NULL AND NOT had_turn.is_control THEN 'sent_before'
            WHEN candidate.is_global_control THEN 'global_control_group'
            WHEN had_turn.customer_id IS NOT NULL THEN 'control_group'
            WHEN channel.is_sending AND contacted.contacts >= list_setting.cap_contacts THEN 'cap'
            WHEN over_priority.customer_id IS NOT NULL THEN 'priority'
            WHEN candidate.arm = 'control' THEN 'control_group'
        END AS reason,
        contacted.decided_by AS last_contact_of,
        over_priority.decided_by AS slot_of
    FROM list_candidate AS candidate
    CROSS JOIN list_setting
    INNER JOIN list_channel AS channel ON candidate.list_number = channel.list_number
    LEFT JOIN list_same_address AS same_address
        ON candidate.list_number = same_address.list_number AND candidate.customer_id = same_address.customer_id
    LEFT JOIN list_other_channel AS other_channel
        ON candidate.list_number = other_channel.list_number AND candidate.customer_id = other_channel.customer_id
    LEFT JOIN list_had_turn AS had_turn
        ON candidate.list_number = had_turn.list_number AND candidate.customer_id = had_turn.customer_id
    LEFT JOIN list_contacted AS contacted ON candidate.customer_id = contacted.customer_id
    LEFT JOIN list_over_priority AS over_priority
        ON candidate.list_number = over_priority.list_number AND candidate.customer_id = over_priority.customer_id
)

SELECT
    list_number,
    customer_id,
    email,
    phone,
    push_token,
    messenger_id,
    is_new,
    arm,
    reason,
    CASE reason WHEN 'cap' THEN last_contact_of WHEN 'priority' THEN slot_of END AS decided_by,
    reason IS NULL OR (reason = 'control_group' AND NOT had_turn) AS is_turn,
    COALESCE(reason IN ('sent_before', 'cap', 'priority', 'control_group'), TRUE) AS is_eligible
FROM decided

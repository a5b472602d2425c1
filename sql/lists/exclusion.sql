-- How many members are not on a list, by reason, also where nobody is left out. A member who is neither deleted nor
-- left out with a segment nor a candidate has unsubscribed from the channel or not consented to it.
-- Grain: list and reason; reason_number is its place in the order of decisions.
WITH member_count AS (
    SELECT
        campaign_number,
        COUNT(*) AS members,
        COUNT(CASE WHEN is_deleted THEN 1 END) AS deleted,
        COUNT(CASE WHEN is_excluded AND NOT is_deleted THEN 1 END) AS excluded
    FROM list_member
    GROUP BY campaign_number
),

candidate_count AS (
    SELECT
        list_number,
        COUNT(*) AS candidates
    FROM list_candidate
    GROUP BY list_number
),

unsubscribed_count AS (
    SELECT
        channel.list_number,
        COUNT(*) AS unsubscribed
    FROM list_channel AS channel
    INNER JOIN list_member AS member ON channel.campaign_number = member.campaign_number
    WHERE NOT member.is_deleted AND NOT member.is_excluded AND CONTAINS(member.unsubscribed_channels, channel.channel)
    GROUP BY channel.list_number
),

counted AS (
    SELECT
        channel.list_number,
        'suppressed' AS reason,
        member_count.deleted AS customer_count
    FROM list_channel AS channel
    INNER JOIN member_count ON channel.campaign_number = member_count.campaign_number
    UNION ALL
    SELECT
        channel.list_number,
        'excluded_segment' AS reason,
        member_count.excluded AS customer_count
    FROM list_channel AS channel
    INNER JOIN member_count ON channel.campaign_number = member_count.campaign_number
    UNION ALL
    SELECT
        channel.list_number,
        'no_consent' AS reason,
        member_count.members - member_count.deleted - member_count.excluded
        - COALESCE(unsubscribed_count.unsubscribed, 0) - COALESCE(candidate_count.candidates, 0) AS customer_count
    FROM list_channel AS channel
    INNER JOIN member_count ON channel.campaign_number = member_count.campaign_number
    LEFT JOIN unsubscribed_count ON channel.list_number = unsubscribed_count.list_number
    LEFT JOIN candidate_count ON channel.list_number = candidate_count.list_number
    UNION ALL
    SELECT
        list_number,
        'unsubscribed' AS reason,
        unsubscribed AS customer_count
    FROM unsubscribed_count
    UNION ALL
    SELECT
        list_number,
        COALESCE(reason, 'control_group') AS reason,
        COUNT(*) AS customer_count
    FROM list_decision
    WHERE reason IS NOT NULL OR arm = 'control'
    GROUP BY list_number, COALESCE(reason, 'control_group')
)

SELECT
    channel.campaign_id,
    channel.channel,
    list_reason.reason,
    list_reason.reason_number,
    COALESCE(counted.customer_count, 0) AS customer_count
FROM list_channel AS channel
CROSS JOIN list_reason
LEFT JOIN counted ON channel.list_number = counted.list_number AND list_reason.reason = counted.reason

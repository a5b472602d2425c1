-- What an earlier version of this project, which kept no deliveries, had sent by its last night: its lists, and who
-- else was assigned to a campaign that sends. Grain: campaign, channel, target and customer.
SELECT
    listed.campaign_id,
    listed.channel,
    listed.target,
    CASE WHEN listed.channel = 'ads' THEN 'audience' ELSE 'send' END AS mode,
    listed.customer_id,
    'treated' AS arm,
    CASE WHEN listed.channel <> 'ads' THEN list_upgrade.sent_date END AS sent_date,
    CASE WHEN listed.channel IN ('email', 'ads') THEN personal.email_normal END AS email,
    CASE WHEN listed.channel IN ('sms', 'call', 'ads') THEN personal.phone_normal END AS phone,
    CASE WHEN listed.channel = 'push' THEN personal.push_token END AS push_token,
    CASE WHEN listed.channel = 'messenger' THEN personal.messenger_id END AS messenger_id
FROM history.campaign_list AS listed
CROSS JOIN list_upgrade
LEFT JOIN history.crm_customers_personal AS personal ON listed.customer_id = personal.customer_id
UNION ALL
SELECT
    assigned.campaign_id,
    assigned.channel,
    'unknown' AS target,
    'send' AS mode,
    assigned.customer_id,
    assigned.arm,
    assigned.assigned_date AS sent_date,
    NULL AS email,
    NULL AS phone,
    NULL AS push_token,
    NULL AS messenger_id
FROM history.campaign_assignment AS assigned
CROSS JOIN list_upgrade
ANTI JOIN history.campaign_list AS listed
    ON
        assigned.campaign_id = listed.campaign_id
        AND assigned.channel = listed.channel
        AND assigned.customer_id = listed.customer_id
WHERE assigned.source = 'export' AND assigned.channel <> 'ads' AND assigned.assigned_date <= list_upgrade.sent_date

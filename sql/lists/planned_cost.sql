-- What messages cost in the last year, of those whose cost is on record.
-- Grain: channel.
SELECT
    contact.channel,
    COUNT(*) AS contact_count,
    CAST(SUM(contact.cost_amount) AS DECIMAL(38, 4)) AS cost_amount
FROM contact
CROSS JOIN list_setting
WHERE
    contact.cost_amount IS NOT NULL
    AND contact.sent_date > list_setting.run_date - 365
    AND contact.sent_date <= list_setting.run_date
GROUP BY contact.channel

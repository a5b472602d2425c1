-- How many other campaigns counted somebody's purchases while a campaign did: they may have made part of its effect, or
-- covered it up.
-- Grain: campaign.
WITH lasting AS (
    SELECT
        campaign_id,
        MIN(counts_from) AS from_date,
        MAX(window_end_date) AS to_date
    FROM campaign_customer
    GROUP BY campaign_id
)

SELECT
    this.campaign_id,
    COUNT(
        CASE
            WHEN
                this.campaign_id <> other.campaign_id
                AND this.from_date <= other.to_date
                AND this.to_date >= other.from_date
                THEN 1
        END
    ) AS campaigns_at_once
FROM lasting AS this
CROSS JOIN lasting AS other
GROUP BY this.campaign_id

-- What the customers of a segment did on a channel, all together, and what the logged choices weigh.
-- Grain: segment and channel.
SELECT
    segment,
    channel,
    CAST(SUM(delivered_count) AS DOUBLE) AS delivered_count,
    CAST(SUM(opened_count) AS DOUBLE) AS opened_count,
    CAST(SUM(clicked_count) AS DOUBLE) AS clicked_count,
    CAST(SUM(purchase_count) AS DOUBLE) AS purchase_count,
    CAST(SUM(opened_purchase_count) AS DOUBLE) AS opened_purchase_count,
    CAST(SUM(clicked_purchase_count) AS DOUBLE) AS clicked_purchase_count,
    CAST(SUM(logged_count) AS DOUBLE) AS logged_count,
    CAST(SUM(logged_weight) AS DOUBLE) AS logged_weight,
    CAST(SUM(logged_purchase_weight) AS DOUBLE) AS logged_purchase_weight
FROM response
GROUP BY segment, channel
ORDER BY segment, channel

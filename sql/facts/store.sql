-- Stores as of tonight, to be joined to order_fact by store_id.
-- Grain: store.
SELECT
    store_id,
    name,
    region,
    format,
    time_zone
FROM stores

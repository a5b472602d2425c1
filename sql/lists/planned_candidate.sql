-- Who could be written to tonight if each campaign that is planned began: in either arm, whatever was sent before.
-- Grain: campaign and customer.
SELECT DISTINCT
    campaign_number,
    customer_id
FROM list_usable
WHERE NOT is_global_control

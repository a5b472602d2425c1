-- Who a customer was merged into in the end, following chains of up to 16 merges; merges in a circle are ignored.
-- Grain: customer of the source that was merged into another.
WITH step_1 AS (
    SELECT
        customer_id AS source_customer_id,
        merged_into_customer_id AS customer_id
    FROM crm_customers
    WHERE merged_into_customer_id IS NOT NULL AND merged_into_customer_id <> customer_id
),

step_2 AS (
    SELECT
        a.source_customer_id,
        COALESCE(b.customer_id, a.customer_id) AS customer_id
    FROM step_1 AS a
    LEFT JOIN step_1 AS b ON a.customer_id = b.source_customer_id
),

step_4 AS (
    SELECT
        a.source_customer_id,
        COALESCE(b.customer_id, a.customer_id) AS customer_id
    FROM step_2 AS a
    LEFT JOIN step_2 AS b ON a.customer_id = b.source_customer_id
),

step_8 AS (
    SELECT
        a.source_customer_id,
        COALESCE(b.customer_id, a.customer_id) AS customer_id
    FROM step_4 AS a
    LEFT JOIN step_4 AS b ON a.customer_id = b.source_customer_id
),

step_16 AS (
    SELECT
        a.source_customer_id,
        COALESCE(b.customer_id, a.customer_id) AS customer_id
    FROM step_8 AS a
    LEFT JOIN step_8 AS b ON a.customer_id = b.source_customer_id
)

SELECT
    a.source_customer_id,
    a.customer_id
FROM step_16 AS a
LEFT JOIN step_1 AS still ON a.customer_id = still.source_customer_id
WHERE still.source_customer_id IS NULL

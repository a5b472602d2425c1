-- Purchase days of 3,000 of the sampled customers, with the one before: more make no better model of the next order.
-- Grain: customer and business_date with net spend above 0. Ids are drawn by their md5, so each rank is taken once.
WITH drawn AS (
    SELECT
        customer_id,
        RANK() OVER (ORDER BY draw) AS draw_rank
    FROM sampled_customer
)

SELECT
    d.customer_id,
    d.business_date,
    LAG(d.business_date) OVER (PARTITION BY d.customer_id ORDER BY d.business_date) AS earlier_date
FROM sampled_day AS d
INNER JOIN drawn AS c ON d.customer_id = c.customer_id
WHERE d.net_spend > 0 AND c.draw_rank <= 3000

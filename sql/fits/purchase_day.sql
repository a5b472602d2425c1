-- Purchase days of 3,000 of the sampled customers, with the one before: more make no better model of the next order.
-- Grain: customer and business_date with net spend above 0, by the returns known on a day or, for the days after it,
-- known now. Ids are drawn by their md5, so each rank is taken once.
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
CROSS JOIN pattern_date AS p
LEFT JOIN taken_back AS t
    ON d.customer_id = t.customer_id AND d.business_date = t.business_date AND p.as_of_date = t.as_of_date
WHERE
    c.draw_rank <= 3000
    AND CASE
        WHEN d.business_date <= p.as_of_date THEN d.sale_revenue - COALESCE(t.revenue, 0) > 0
        ELSE d.net_spend > 0
    END

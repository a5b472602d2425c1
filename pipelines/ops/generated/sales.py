"""The sales of the generated retailer: campaigns with their arms, shopping trips, receipts, returns and promo codes."""

GOODS_SQL = """
-- Grain: product. Prices and costs in cents; tax in parts of 1,000. What is weighed is sold by the quarter of a kilo.
CREATE TABLE goods AS
SELECT
    CONCAT('P', c.number, LPAD(CAST(n AS VARCHAR), 2, '0')) AS product_id,
    c.number AS category_number,
    CONCAT(c.category, ' no. ', n) AS name,
    c.category, c.department,
    CASE WHEN n <= 3 THEN 'Maison Colibri' ELSE pick('brand', c.number * 10 + n, ['Aurore', 'Brume', 'Cèdre']) END
        AS brand,
    c.base_price + c.base_price * draw('price', c.number * 100 + n, 13) // 8 AS price,
    c.tax, c.is_weighed
FROM (VALUES
    (1, 'Coffee', 'Food', 1600, 55, TRUE), (2, 'Tea', 'Food', 700, 55, FALSE),
    (3, 'Chocolate', 'Food', 500, 200, FALSE), (4, 'Biscuits', 'Food', 400, 55, FALSE),
    (5, 'Cups and pots', 'Home', 1200, 200, FALSE), (6, 'Coffee makers', 'Home', 4500, 200, FALSE),
    (7, 'Candles', 'Home', 1100, 200, FALSE), (8, 'Soap', 'Care', 650, 200, FALSE)
) AS c (number, category, department, base_price, tax, is_weighed)
CROSS JOIN RANGE(1, 9) AS goods_of_category (n);

ALTER TABLE goods ADD COLUMN unit_cost BIGINT;
UPDATE goods SET unit_cost = price * (35 + draw('cost', product_id, 20)) // 100;
INSERT INTO goods VALUES
    ('P901', 9, 'Gift card 25', 'Gift cards', 'Gift cards', 'Maison Colibri', 2500, 0, FALSE, NULL),
    ('P902', 9, 'Gift card 50', 'Gift cards', 'Gift cards', 'Maison Colibri', 5000, 0, FALSE, NULL);
"""


# extra_share of the treated buy once more than they would have: what a campaign truly does, besides moving orders.
CAMPAIGN_SQL = """
CREATE TABLE planted_campaign (
    campaign_id VARCHAR, number INTEGER, name VARCHAR, starts_on DATE, ends_on DATE, window_days INTEGER,
    channel VARCHAR, cost BIGINT, member_share INTEGER, control_share INTEGER, extra_share INTEGER
);
INSERT INTO planted_campaign VALUES
    ('autumn_catalogue', 1, 'Autumn catalogue', '2024-10-01', '2024-10-31', NULL, 'email', 90000, 4000, 0, 0),
    ('tea_magazine', 2, 'Tea magazine', '2025-01-13', '2025-02-12', 30, 'email', 150000, 6500, 4000, 0),
    ('double_points', 3, 'Double points', '2025-02-03', '2025-03-05', 30, 'sms', 250000, 6500, 4000, 1500),
    ('spring_code', 4, 'Spring code: 15 % for a week', '2025-03-10', '2025-03-16', 60, 'email', 20000, 6500, 4000, 0),
    ('gold_call', 5, 'A call and a gift', '2025-04-07', '2025-05-07', 30, 'call', 1200000, 6500, 4000, 1200),
    ('summer_news', 6, 'Summer news', '2025-06-23', '2025-07-20', 27, 'push', 60000, 4000, 3000, 0);

-- Grain: campaign and person. Nobody with two accounts, so that nobody is in both arms.
CREATE TABLE member AS
SELECT
    c.campaign_id, c.number, p.pid, p.customer_id, c.starts_on, c.window_days, c.channel,
    CASE WHEN chance(CONCAT('arm ', c.campaign_id), p.pid, c.control_share) THEN 'control' ELSE 'treated' END AS arm,
    chance(CONCAT('extra ', c.campaign_id), p.pid, c.extra_share) AS would_buy_more
FROM planted_campaign AS c
INNER JOIN person AS p
    ON p.registered_on < c.starts_on - 30 AND chance(CONCAT('member ', c.campaign_id), p.pid, c.member_share)
WHERE NOT p.is_till AND p.second_account IS NULL AND p.deleted_on IS NULL;
"""


# Gaps are quantiles of a gamma distribution of shape 2, in percent of the mean: nobody's logarithm decides on a day.
GAPS = (
    8, 15, 20, 25, 29, 32, 36, 39, 43, 46, 50, 53, 57, 60, 63, 67, 71, 74, 78, 82,
    86, 90, 94, 99, 103, 108, 114, 119, 125, 131, 138, 146, 154, 163, 174, 187, 203, 224, 255, 319,
)  # fmt: skip


TRIP_SQL = """
-- Grain: trip that leads to a receipt. What people would have bought anyway, by their own rhythm.
CREATE TABLE own_trip AS
WITH gap AS (
    SELECT
        p.pid, p.mean_gap, p.registered_on, p.left_on, n,
        CASE WHEN n = 1 AND chance('buys at once', p.pid, 7500) THEN 0
            ELSE GREATEST(p.mean_gap * pick('gap', p.pid * 1000 + n, getvariable('gaps')) // 100, 1) END AS days
    FROM person AS p
    CROSS JOIN RANGE(1, 180) AS trip (n)
    -- twice as many as are likely; four in a hundred register and never buy
    WHERE NOT p.is_till AND NOT chance('never buys', p.pid, 400) AND n <= 2 * 917 // p.mean_gap + 6
),

walked AS (
    SELECT pid, n, left_on, registered_on + CAST(SUM(days) OVER (PARTITION BY pid ORDER BY n) AS INTEGER) AS day
    FROM gap
)

SELECT pid * 1000 + n AS tid, pid, n, day
FROM walked
WHERE day <= getvariable('last_day') AND (left_on IS NULL OR day <= left_on);

-- The spring code moves one later purchase of half of those treated into its week: nobody buys more than before.
CREATE TABLE moved_trip AS
SELECT t.tid, m.starts_on + draw('moved to', t.pid, 7) AS day
FROM own_trip AS t
INNER JOIN member AS m ON t.pid = m.pid AND t.day BETWEEN m.starts_on + 7 AND m.starts_on + 45
WHERE m.campaign_id = 'spring_code' AND m.arm = 'treated' AND chance('moves', t.pid, 5000)
QUALIFY ROW_NUMBER() OVER (PARTITION BY t.pid ORDER BY t.day) = 1;

CREATE TABLE trip AS
WITH kinds AS (
    SELECT t.tid, t.pid, t.n, COALESCE(v.day, t.day) AS day, v.tid IS NOT NULL AS is_moved, NULL AS campaign_id
    FROM own_trip AS t
    LEFT JOIN moved_trip AS v ON t.tid = v.tid
    UNION ALL
    SELECT
        10000000 + m.number * 100000 + m.pid AS tid, m.pid, 0 AS n,
        m.starts_on + draw(CONCAT('day of extra ', m.campaign_id), m.pid, m.window_days) AS day,
        FALSE AS is_moved, m.campaign_id
    FROM member AS m
    WHERE m.arm = 'treated' AND m.would_buy_more
    UNION ALL
    SELECT 20000000 + d * 10 + n AS tid, NULL AS pid, 0 AS n, getvariable('first_day') + CAST(d AS INTEGER) AS day,
        FALSE AS is_moved, NULL AS campaign_id
    FROM RANGE(917) AS days (d)
    CROSS JOIN RANGE(9) AS visitor (n)
    WHERE chance('comes without a card', d * 10 + n, 6500)
    UNION ALL
    SELECT 40000000 + d * 100 + n AS tid, 5000 AS pid, 0 AS n, DATE '2024-12-18' + CAST(d AS INTEGER) AS day,
        FALSE AS is_moved, NULL AS campaign_id
    FROM RANGE(4) AS busy_days (d)
    CROSS JOIN RANGE(26) AS sale (n)
)

SELECT
    k.*,
    COALESCE(p.is_till, FALSE) AS is_till,
    CASE WHEN k.day > second.registered_on AND chance('second account', k.tid, 4000) THEN second.account_id
        ELSE p.customer_id END AS account_id,
    chance('online', k.tid, COALESCE(p.online_share, 0)) AS is_online,
    at_minute(k.day, CASE WHEN chance('online', k.tid, COALESCE(p.online_share, 0))
        THEN 360 + draw('minute', k.tid, 1000) ELSE 540 + draw('minute', k.tid, 630) END) AS issued_at,
    CASE
        WHEN p.is_till THEN 'S03'
        WHEN k.pid IS NULL OR NOT chance('at home', k.tid, 8500)
            THEN CONCAT('S', LPAD(CAST(1 + draw('other store', k.tid, 12) AS VARCHAR), 2, '0'))
        ELSE p.store_id
    END AS store_id,
    p.favourite
FROM kinds AS k
LEFT JOIN person AS p ON k.pid = p.pid
LEFT JOIN account AS second ON k.pid = second.pid AND second.account_id[1] = 'W';
UPDATE trip SET store_id = 'WEB' WHERE is_online;
"""


CODE_SQL = """
CREATE TABLE code (
    promo_code VARCHAR, promotion_id VARCHAR, campaign_id VARCHAR, kind VARCHAR, value BIGINT, percent INTEGER,
    valid_from DATE, valid_to DATE, purpose VARCHAR, cost BIGINT
);
INSERT INTO code VALUES
    ('WELCOME10', 'welcome', NULL, 'percent', 1000, 10, '2024-01-01', '2025-12-31', 'acquisition', 50000),
    ('SPRING15', 'spring', 'spring_code', 'percent', 1500, 15, '2025-03-10', '2025-03-16', 'retention', 20000),
    ('DOUBLE', 'double', 'double_points', 'points', 20000, 0, '2025-02-03', '2025-03-05', 'reactivation', 10000),
    ('CLEAR20', 'clearance', NULL, 'percent', 2000, 20, '2025-01-06', '2025-01-25', 'clearance', 30000),
    ('FREESHIP', 'shipping', NULL, 'shipping', 490, 0, '2024-06-01', '2025-12-31', 'retention', 0),
    ('TEAPOT', 'teapot', NULL, 'gift', NULL, 0, '2025-05-01', '2025-08-31', 'retention', 15000);
INSERT INTO code
SELECT CONCAT('BDAY-', customer_id), 'birthday', NULL, 'percent', 1000, 10, '2025-01-01', '2025-12-31', 'retention',
    NULL
FROM person WHERE pid % 20 = 3;

-- Grain: trip with a code. A trip has one code: the first for which the customer qualifies.
CREATE TABLE used_code AS
SELECT tid, promo_code
FROM (
    SELECT
        t.tid,
        CASE
            WHEN t.campaign_id = 'double_points' THEN 'DOUBLE'
            WHEN m.pid IS NOT NULL AND t.campaign_id IS NULL AND t.day BETWEEN m.starts_on AND m.starts_on + 6
                AND (t.is_moved OR chance('uses the code', t.tid, 6000)) THEN 'SPRING15'
            WHEN t.campaign_id IS NOT NULL OR t.pid IS NULL OR t.is_till THEN NULL
            WHEN t.day >= DATE '2024-01-01' AND chance('welcome', t.tid, 3000)
                AND ROW_NUMBER() OVER (PARTITION BY t.pid ORDER BY t.issued_at, t.tid) = 1 THEN 'WELCOME10'
            WHEN t.day BETWEEN DATE '2025-01-06' AND DATE '2025-01-25' AND chance('clearance', t.tid, 1500)
                THEN 'CLEAR20'
            WHEN t.pid % 20 = 3 AND t.day >= DATE '2025-01-01' AND chance('birthday', t.pid, 5000)
                AND ROW_NUMBER() OVER (PARTITION BY t.pid, t.day >= DATE '2025-01-01' ORDER BY t.issued_at, t.tid) = 1
                THEN CONCAT('BDAY-', 'C', 10000 + t.pid)
            WHEN t.is_online AND t.day >= DATE '2024-06-01' AND chance('free shipping', t.tid, 800) THEN 'FREESHIP'
        END AS promo_code
    FROM trip AS t
    LEFT JOIN member AS m ON t.pid = m.pid AND m.campaign_id = 'spring_code' AND m.arm = 'treated'
)
WHERE promo_code IS NOT NULL;
"""


LINE_SQL = """
-- Grain: line of a sale, in cents. First the offer's discount, then the code's.
CREATE TABLE sold_line AS
WITH wanted AS (
    SELECT
        t.tid, t.pid, t.day, CAST(k AS INTEGER) AS line_number, t.tid * 10 + k AS line_id,
        t.pid IS NOT NULL AND t.campaign_id IS NULL AND NOT t.is_online AND u.tid IS NULL
            AND chance('gift card', t.tid, 100) AS is_gift_card,
        CASE WHEN chance('favourite', t.tid * 10 + k, 5500) THEN COALESCE(t.favourite, 1)
            ELSE 1 + draw('other category', t.tid * 10 + k, 8) END AS category_number,
        COALESCE(c.percent, 0) AS percent
    FROM trip AS t
    LEFT JOIN used_code AS u ON t.tid = u.tid
    LEFT JOIN code AS c ON u.promo_code = c.promo_code
    CROSS JOIN RANGE(1, 6) AS basket (k)
    WHERE k <= CASE WHEN t.is_till THEN 1 ELSE pick('basket', t.tid, [1, 1, 2, 2, 2, 3, 3, 4, 5]) END
),

priced AS (
    SELECT
        w.*, g.product_id, g.tax, g.unit_cost,
        CASE WHEN g.is_weighed THEN pick('weight', line_id, [250, 250, 500, 500, 1000])
            WHEN is_gift_card THEN 1000
            ELSE 1000 * pick('pieces', line_id, [1, 1, 1, 1, 2, 2, 3]) END AS thousandths,
        g.price,
        NOT is_gift_card AND chance('offer', line_id, 700) AS has_offer
    FROM wanted AS w
    INNER JOIN goods AS g
        ON g.product_id = CASE WHEN is_gift_card THEN CONCAT('P90', 1 + draw('card value', w.tid, 2))
            ELSE CONCAT('P', w.category_number, '0', 1 + draw('product', line_id, 8)) END
    WHERE NOT is_gift_card OR line_number = 1
),

discounted AS (
    SELECT
        *,
        (price * thousandths + 500) // 1000 AS regular,
        CASE WHEN has_offer THEN (price * thousandths + 500) // 1000 * 10 // 100 ELSE 0 END AS offer_discount
    FROM priced
)

SELECT
    tid, pid, day, line_number, product_id, is_gift_card, thousandths, has_offer, tax AS tax_rate, regular,
    offer_discount,
    (regular - offer_discount) * percent // 100 AS code_discount,
    regular - offer_discount - (regular - offer_discount) * percent // 100 AS amount,
    (unit_cost * thousandths + 500) // 1000 AS cost,
    CAST(NULL AS INTEGER) AS original_line_number
FROM discounted;

-- An exchange: a line of the person's trip before comes back, and more is bought than it cost.
INSERT INTO sold_line
SELECT
    t.tid, t.pid, t.day, 9 AS line_number, b.product_id, FALSE, -b.thousandths, FALSE, b.tax_rate, -b.regular,
    -b.offer_discount, -b.code_discount, -b.amount, -b.cost, NULL
FROM trip AS t
INNER JOIN sold_line AS b ON b.tid = t.tid - 1 AND b.pid = t.pid AND b.line_number = 1 AND NOT b.is_gift_card
INNER JOIN trip AS before ON before.tid = b.tid AND before.day < t.day
LEFT JOIN used_code AS u ON t.tid = u.tid
WHERE
    t.n > 1 AND u.tid IS NULL AND NOT t.is_moved AND NOT before.is_moved AND chance('exchange', t.tid, 60)
    AND b.amount < (SELECT SUM(s.amount) FROM sold_line AS s WHERE s.tid = t.tid AND NOT s.is_gift_card);
"""


RETURN_SQL = """
-- Grain: sale that comes back, as a whole or its first line, within two weeks. Three in ten name no sale: those are of
-- a product that the person bought once only, so that there is one sale that it can be.
CREATE TABLE return_trip AS
WITH once AS (
    SELECT pid, product_id FROM sold_line GROUP BY pid, product_id HAVING COUNT(*) = 1
)

SELECT
    30000000 + ROW_NUMBER() OVER (ORDER BY t.tid) AS tid, t.tid AS sale_tid, t.account_id, t.pid, t.is_online,
    t.store_id,
    t.issued_at + TO_DAYS(1 + draw('comes back after', t.tid, 13)) AS issued_at,
    NOT (chance('names no sale', t.tid, 3000) AND once.pid IS NOT NULL) AS names_sale,
    NOT (chance('names no sale', t.tid, 3000) AND once.pid IS NOT NULL) AND chance('all of it', t.tid, 5000) AS is_whole
FROM trip AS t
INNER JOIN sold_line AS first_line ON t.tid = first_line.tid AND first_line.line_number = 1
LEFT JOIN once ON first_line.pid = once.pid AND first_line.product_id = once.product_id
LEFT JOIN used_code AS u ON t.tid = u.tid
WHERE
    t.pid IS NOT NULL AND NOT t.is_till AND t.campaign_id IS NULL AND NOT t.is_moved AND chance('returns', t.tid, 400)
    AND NOT first_line.is_gift_card AND u.promo_code IS DISTINCT FROM 'SPRING15'
    AND NOT EXISTS (SELECT 1 FROM sold_line AS x WHERE x.line_number = 9 AND x.tid IN (t.tid, t.tid + 1))
    AND t.issued_at + TO_DAYS(1 + draw('comes back after', t.tid, 13)) < getvariable('last_day') + 1;

INSERT INTO sold_line
SELECT
    r.tid, r.pid, CAST(r.issued_at AS DATE), s.line_number, s.product_id, FALSE, s.thousandths, FALSE, s.tax_rate,
    s.regular, s.offer_discount, s.code_discount, s.amount, s.cost, s.line_number
FROM return_trip AS r
INNER JOIN sold_line AS s ON r.sale_tid = s.tid AND (r.is_whole OR s.line_number = 1);

ALTER TABLE sold_line ADD COLUMN tax BIGINT;
UPDATE sold_line SET tax = (ABS(amount) * tax_rate + (1000 + tax_rate) // 2) // (1000 + tax_rate) * SIGN(amount);

-- Grain: receipt, sale or return; what a return takes back is positive. The first two of the history's last day are
-- voided the day after; the last two of it come a day late.
CREATE TABLE receipt AS
WITH total AS (
    SELECT
        tid, SUM(amount) AS amount, SUM(offer_discount + code_discount) AS discount,
        SUM(tax) AS tax, SUM(CASE WHEN is_gift_card THEN amount ELSE 0 END) AS gift_card_amount,
        SUM(cost) AS cost
    FROM sold_line GROUP BY tid
),

issued AS (
    SELECT tid, pid, account_id, is_online, store_id, issued_at, 'sale' AS operation, NULL AS sale_tid, is_till,
        campaign_id FROM trip
    UNION ALL
    SELECT tid, pid, account_id, is_online, store_id, issued_at, 'return', CASE WHEN names_sale THEN sale_tid END,
        FALSE, NULL FROM return_trip
),

ranked AS (
    SELECT
        i.*, total.* EXCLUDE (tid), CAST(i.issued_at AS DATE) AS day,
        ROW_NUMBER() OVER (PARTITION BY CAST(i.issued_at AS DATE), i.operation ORDER BY i.issued_at, i.tid) AS first,
        ROW_NUMBER() OVER (PARTITION BY CAST(i.issued_at AS DATE), i.operation ORDER BY i.issued_at DESC, i.tid)
            AS last
    FROM issued AS i
    INNER JOIN total ON i.tid = total.tid
)

SELECT
    ranked.* EXCLUDE (first, last),
    CONCAT('R', tid) AS receipt_id,
    CASE WHEN operation = 'sale' AND day = getvariable('history_end') AND first <= 2 THEN day + 1 END AS voided_on,
    CASE WHEN operation = 'sale' AND day = getvariable('history_end') AND last <= 2 THEN day + 1
        ELSE landing_day(day) END AS landed_on
FROM ranked;
"""

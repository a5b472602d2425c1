"""Nights for tests of the report: one of a shop of some size, and one in which every name is hostile."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from report_warehouse import NIGHT, TABLES, Tables

HOSTILE = (
    "<script>alert(1)</script>",
    "]]><svg onload=alert(1)>",
    "</text></svg><img src=http://evil.example/x>",
    '" onmouseover="alert(1)',
    "{{ 7 * 7 }}",
    "$\\frac{1}{0}$",
    "url(#x) id=\"y\" &amp; 'z'",
    "nul\x00bell\x07 \u202etxt.exe",
    "=1+1",
    "Скидка 20 %",
)
SELDOM = ("lost", "hibernating", "at risk", "potential", "new")  # RFM segments by recency, of few orders
OFTEN = ("cannot lose", "at risk", "loyal", "loyal", "champions")


@dataclass(frozen=True)
class Person:
    """A customer as drawn: what they bought, and since how many days they are silent."""

    number: int
    orders: int
    silent: int
    revenue: float
    clv: float

    @property
    def id(self) -> str:
        return f"c{self.number:04}"

    @property
    def recency(self) -> int:
        return max(1, 5 - self.silent // 60)

    @property
    def frequency(self) -> int:
        return min(5, 1 + self.orders // 2)

    @property
    def segment(self) -> str:
        return (SELDOM if self.frequency < 3 else OFTEN)[self.recency - 1]

    @property
    def p_churn(self) -> float:
        return min(0.98, 0.05 + self.silent / 130)


def full_night(customers: int = 300, days: int = 400) -> Tables:
    """Rows for every table, as a shop of some size would have them."""
    people = list(draw_people(customers))
    filled = (
        {"kpi_daily": list(kpi_days(days))},
        customer_tables(people),
        churn_tables(people),
        growth_tables(people),
        segment_tables(people),
        promo_tables(),
        {"campaign_effect": list(campaign_effects())},
        list_tables(people),
        backtest_tables(),
        {"model_quality": model_quality()},
        source_tables(),
        reconciliation_tables(),
    )
    return {table: [] for table in TABLES} | {table: rows for tables in filled for table, rows in tables.items()}


def draw_people(count: int) -> Iterator[Person]:
    draw = random.Random(7)
    for number in range(count):
        orders, silent = min(40, int(draw.paretovariate(1.1))), int(draw.expovariate(1 / 110))
        revenue = round(orders * draw.uniform(20, 70), 2)
        yield Person(number, orders, silent, revenue, orders**1.3 * draw.uniform(4, 30) * 0.99**silent)


def kpi_days(days: int) -> Iterator[tuple]:
    draw = random.Random(8)
    for i in range(days):
        day = NIGHT - timedelta(days=days - 1 - i)
        orders = int((60 + i * 0.08) * (1.5 if day.weekday() > 4 else 0.9) * draw.uniform(0.8, 1.2))
        member_revenue = round(orders * draw.uniform(38, 46), 2)
        revenue = round(member_revenue * draw.uniform(1.3, 1.5), 2)
        members, active = 3000 + 5 * i, 1400 + int(1.1 * i) + draw.randint(-15, 15)
        sales = (revenue, member_revenue, None, int(orders * 1.4), orders, orders - 3, member_revenue / orders)
        yield (day, *sales, members, 5, active, active // 2, 0.7, orders // 5, orders * 0.8)


def customer_tables(people: Sequence[Person]) -> Tables:
    tables: Tables = {"customer_360": [], "customer_rfm": [], "customer_clv": []}
    for p in people:
        bought = (p.orders, p.revenue)
        tables["customer_360"].append(
            (p.id, None, "shop", "North", *bought, None, p.revenue / p.orders, "tea", 0.2, 120, p.silent <= 90)
        )
        tables["customer_rfm"].append((p.id, p.silent, *bought, p.recency, p.frequency, 3, p.segment))
        tier = "A" if p.clv > 120 else "B" if p.clv > 25 else "C"
        forecast = (1 - p.p_churn, p.orders / 4, 41.0, p.clv, 0.0, 3 * p.clv, tier, "margin", 365)
        tables["customer_clv"].append((p.id, p.orders - 1, p.silent, p.silent + 200, *forecast))
    return tables


def churn_tables(people: Sequence[Person]) -> Tables:
    draw = random.Random(9)
    tables: Tables = {"customer_churn": [], "churn_calibration": []}
    for p in people:
        risk = "high" if p.p_churn > 0.6 else "medium" if p.p_churn > 0.3 else "low"
        silence = f"no order for {p.silent} days (usually every {1 + p.number % 9})"
        reasons = (silence, "only 1 order in the last 180 days", None) if risk == "high" else (None,) * 3
        tables["customer_churn"].append((p.id, p.silent <= 90, p.p_churn, risk, "gradient boosting", 90, *reasons))
    for decile in range(1, 11):
        predicted = 0.04 + 0.085 * (decile - 1)
        actual = round(predicted + (0.13 if decile == 9 else draw.uniform(-0.02, 0.02)), 4)
        tables["churn_calibration"].append((decile, 310, predicted, actual))
    return tables


def growth_tables(people: Sequence[Person]) -> Tables:
    """One customer in ten has no headroom, one in three of the others has it in coffee; one in four has no date."""
    tables: Tables = {"customer_growth": [], "customer_next_order": []}
    for p in people:
        headroom = None if p.number % 10 == 0 else 40.5
        category = None if p.number % 10 == 0 else "tea" if p.number % 3 else "coffee"
        tables["customer_growth"].append((p.id, 90, 12.5, 0.25, "logistic", headroom, category, headroom))
        is_dated = p.number % 4 > 0
        due = (0.9, NIGHT + timedelta(1 + p.number % 140), None) if is_dated else (0.2, None, "presumed_gone")
        tables["customer_next_order"].append((p.id, *due))
    tables["category_capacity"] = [("coffee", 90, 0.9, False, 120.0), ("tea", 100, 0.8, False, 200.0)]
    return tables


def segment_tables(people: Sequence[Person]) -> Tables:
    """Two or three segments a customer, some of which they entered, and left another for, in the last three weeks."""
    draw = random.Random(10)
    tables: Tables = {"customer_segment": [], "customer_segment_history": []}
    for p in people:
        chosen = [f"rfm: {p.segment}", "online" if p.number % 3 else "shop only"]
        for segment in chosen + ["coupon hunters"] * (p.number % 9 == 0):
            has_moved = draw.random() < 0.12
            begin = NIGHT - timedelta(days=draw.randint(0, 20) if has_moved else 60)
            tables["customer_segment"].append((p.id, segment))
            tables["customer_segment_history"].append((p.id, segment, begin, None))
            if has_moved:
                left = (p.id, f"rfm: {draw.choice(SELDOM)}", NIGHT - timedelta(days=60), begin)
                tables["customer_segment_history"].append(left)
    return tables


def promo_tables() -> Tables:
    codes = [
        ("WELCOME10", 420, 401, 310, 18250.50, 1990.20, 500, None, None, None),
        ("SPRING", 390, 322, 40, 15110.00, 3022.00, None, None, None, "before_after"),
        ("BACK5", 160, 160, 0, 6400.00, 800.00, 120, 412.5, 2.4375, "randomised"),
        ("VIP", 88, 71, 0, 9120.40, 410.00, 0, -35.0, None, "randomised"),
    ]
    promotions = [("spring sale", *codes[1][1:]), ("welcome", *codes[0][1:])]
    waste = [
        ("campaign", "catalogue", "waste", None, 900, None, 350.4, 1),
        ("promotion", "spring sale", "not shown to pay", "no control group", None, 3022, None, 1),
        ("campaign", "winback-2025-01", "pays", None, 600, None, None, 1),
    ]
    slips = [("below_cost", date(2025, 2, 1), 3, 7, 41.2, 0), ("two_prices", date(2025, 3, 1), 1, 2, None, 3.5)]
    found = {"promo_performance": codes, "promotion_performance": promotions}
    return found | {"spend_waste": waste, "price_slip_monthly": slips}


def campaign_effects() -> Iterator[tuple]:
    """Three metrics of six campaigns, ROI with the margin alone; and one figure of a single segment."""
    effects = (
        ("programme", 4200, 430, 1.45, 0.12, 2.78, True, "randomised", "pays"),
        ("winback-2025-01", 1800, 200, 2.10, 0.40, 3.80, True, "randomised", "pays"),
        ("birthday", 940, 110, 0.35, -0.90, 1.60, True, "randomised", "can't tell: between -0.90 and 1.60"),
        ("newsletter-feb", 2600, 300, -0.80, -1.45, -0.15, True, "randomised", "sells less"),
        ("points-reminder", 700, 80, 0.90, -1.10, 2.90, False, "randomised", "running"),
        ("catalogue", 5100, 5100, 0.60, -0.20, 1.40, True, "before_after", "before and after only: no evidence"),
    )
    for campaign, treated, control, effect, low, high, done, method, verdict in effects:
        for metric, factor in (("margin_per_customer", 1.0), ("revenue_per_customer", 3.1), ("buyer_rate", 0.01)):
            is_change = method == "before_after"
            scaled = (10.2 * factor, (10.2 - effect) * factor, *(end * factor for end in (effect, low, high)))
            scaled = (*scaled[:2], None, None, None) if is_change else scaled
            rois = (end * treated / 600 - 1 for end in (effect, low, high))
            money = (600.0, effect * treated, *rois) if metric == "margin_per_customer" else (None,) * 5
            yield (
                campaign,
                metric,
                "all",
                treated,
                control,
                *scaled,
                28,
                done,
                method,
                *money,
                verdict if metric == "margin_per_customer" else None,
                0 if done else 61,
                "treated",
                "before" if method == "before_after" else "control",
                metric == "margin_per_customer",
                None,
                600.0 / treated,
                effect * factor if is_change else None,
            )
    figures = (0.2, 0.1, 0.1, 0.02, 0.18)
    yield (
        "birthday",
        "buyer_rate",
        "online",
        300,
        30,
        *figures,
        28,
        True,
        "randomised",
        *(None,) * 5,
        "yes",
        0,
        "treated",
        "control",
        False,
        None,
        None,
        None,
    )


def list_tables(people: Sequence[Person]) -> Tables:
    tables: Tables = {"campaign_assignment": [], "campaign_list": [], "campaign_exclusion": []}
    for p in people:
        channel = "email" if p.number % 3 else "sms"
        arm = "control" if p.number % 10 == 0 else "treated"
        assigned = NIGHT if p.number % 2 else NIGHT - timedelta(days=9)
        tables["campaign_assignment"].append(("winback-2025-03", p.id, channel, arm, None, assigned, "export"))
        if arm == "treated":
            tables["campaign_list"].append(("winback-2025-03", channel, p.id))
            if p.number % 4 == 0:
                tables["campaign_list"].append(("unused points", "push", p.id))
        else:
            tables["campaign_exclusion"].append(("winback-2025-03", p.id, channel, "control_group", None))
        if p.number % 5 == 0:
            reason = ("no_consent", "priority")[p.number % 2]
            taken = "winback-2025-03" if reason == "priority" else None
            tables["campaign_exclusion"].append(("unused points", p.id, "sms", reason, taken))
    return tables


def backtest_tables() -> Tables:
    """Four measures at two dates, two of them without a baseline; and one forecast that nobody had."""
    tables: Tables = {"backtest": [], "backtest_quality": []}
    groups = [("all", "all", 1.0), *(("decile", f"{n:02}", 2 - n / 5.5) for n in range(1, 11))]
    groups += [("rfm_segment", "loyal", 1.2), ("first_order_quarter", "2024-Q1", 0.8)]
    for days_ago, kind in ((180, "rolling_origin"), (90, "published")):
        for measure, forecast, actual, baseline in (
            ("purchase_days", 3.3, 3.0, 4.0),
            ("churned", 0.27, 0.3, None),
            ("spent_more", 0.3, 0.25, 0.33),
            ("ordered_in_interval", 0.5, 0.4, None),
        ):
            key = (measure, kind, NIGHT - timedelta(days=days_ago), 90)
            for dimension, name, factor in groups:
                means = (forecast * factor, actual * factor, baseline and baseline * factor)
                tables["backtest"].append((*key, dimension, name, 300, *means))
            amounts, probabilities = ("mean_absolute_error", "rank_correlation"), ("brier", "auc", "median_error_days")
            for metric in amounts if measure == "purchase_days" else probabilities:
                better = None if baseline is None else kind == "published"
                tables["backtest_quality"].append((*key, metric, 0.16, baseline and 0.2, better, "of 300"))
    young = (NIGHT - timedelta(days=270), 90, "customers", 0.0, None, None, "no customer has a forecast: too young")
    tables["backtest_quality"].append(("churned", "rolling_origin", *young))
    return tables


TOO_SHORT = "under 13 months of history, season and trend can't be told apart"
YOUNG = "young customers buy unlike earlier ones: fitted apart"


def model_quality() -> list[tuple]:
    return [
        ("churn", "auc", 0.8134, None, NIGHT - timedelta(days=90)),
        ("churn", "brier", 0.1612, "baseline (share of leavers) 0.2210", NIGHT - timedelta(days=90)),
        ("churn", "psi_score", 0.3012, "alarm; population stability index of active customers", NIGHT),
        ("churn", "psi_order_count_90d", 0.1234, "warning; population stability index of active customers", NIGHT),
        ("churn", "psi_online_share", 0.01, "stable; population stability index of active customers", NIGHT),
        ("churn", "new_model_refused", 1.0, "alarm; the last churn model predicts better and stays", NIGHT),
        ("clv", "spend_new_model_refused", 1.0, "alarm; the last model of spend does better and stays", NIGHT),
        ("growth", "auc", 0.7512, "standard error 0.01", NIGHT),
        ("growth", "psi_spend_last", None, "300 customers tonight; 2,000 are needed", NIGHT),
        ("next_order", "model_age_days", 36.0, "alarm; for more than 35 days no newer one was good enough", NIGHT),
        ("next_order", "coverage", 0.8123, "orders within their interval", NIGHT),
        ("next_order", "median_error_days", 9.0, "days between date and order, either way", NIGHT),
        ("clv", "log_likelihood", -9582.4291, "MBG/NBD", NIGHT),
        ("clv", "spend_model", None, "all customers spend the same on a purchase day, 9.99", NIGHT),
        ("clv", "forecast_purchases", 1234.4, "of 300 customers", NIGHT),
        ("clv", "forecast_purchases_low", 900.2, "lower end", NIGHT),
        ("clv", "forecast_purchases_high", 1600.9, "upper end", NIGHT),
        ("clv", "held_out_error", 0.31, "on the log scale", NIGHT),
        ("clv", "total_method", None, f"the model of buying alone: in 182 days, {TOO_SHORT}", NIGHT),
        ("clv", "young_ratio", 0.4512, f"alarm; actual / expected repeats; by earlier cohorts; {YOUNG}", NIGHT),
        ("clv", "forecast_clv_low", 9000.4, "lower end", NIGHT),
        ("clv", "forecast_clv_high", 16000.6, "upper end", NIGHT),
        ("clv", "forecast_clv_ten_largest_share", 0.214, "by ten customers", NIGHT),
        ("clv", "spend_frequency_correlation", 0.0831, None, NIGHT),
        ("margin", "gross_margin", None, "gross_margin is unknown: no receipt line has a cost_amount.", NIGHT),
    ]


def source_tables() -> Tables:
    sources = [
        ("crm_customers", 312, 306, 2, 4, 12),
        ("promo_redemptions", 64, 64, 0, 0, 0),
        ("receipts", 1204, 1187, 15, 2, 8),
        ("receipt_lines", 5012, 5003, 9, 0, 0),
        ("web_events", 0, 0, 0, 0, 0),
    ]
    expectations = [
        ("receipts", "reject_rate", "warn", False, "15 of 1,204 rows are rejected", "At most 1 %.", "See why."),
        ("receipts", "duplicate_rate", "warn", True, "2 of 1,204 rows are duplicates", "At most 10 %.", "Ask."),
    ]
    rejected = [
        *(("receipts", "receipts.csv.gz", 10 + i, "total_amount_missing") for i in range(11)),
        *(("receipts", "receipts.csv.gz", 90 + i, "issued_at_in_future") for i in range(4)),
        *(("receipt_lines", "receipt_lines/part-1.parquet", i, "quantity_zero") for i in range(9)),
        *(("crm_customers", "crm_customers.csv", 40 + i, "birth_date_too_early") for i in range(2)),
    ]
    return {"data_quality": sources, "batch_expectation": expectations, "rejected_rows": rejected}


def reconciliation_tables() -> Tables:
    """Fifteen months, of which the last is the night's, and what has no date."""
    months = [
        (date(2024 + n // 12, n % 12 + 1, 1), 10, 9, 1, 100, "0.50", "99.50", 0, None, 4, 1, 20) for n in range(15)
    ]
    rows = [(*month, 0, 0, 0, 0, 0, 0) for month in months[:-1]]
    rows.append((*months[-1], "2.25", 1, 0, 0, 2, "10.10"))
    rows.append((None, *(0,) * 7, None, 0, 0, 0, 0, 0, 3, "7.50", 1, "5.05"))
    rejected = [
        (date(2025, 3, 1), "receipts", "total_amount_unreadable", 2, 1, 2, "10.10"),
        (None, "receipts", "issued_at_unreadable", 1, 0, 0, "5.05"),
        (None, "surveys", "score_out_of_range", 4, 0, 0, None),
    ]
    return {"reconciliation": rows, "reconciliation_rejected": rejected}


def hostile_night() -> Tables:
    """Every name that data can bring is one of HOSTILE."""
    tables = full_night(customers=40, days=70)
    for table in ("promo_performance", "promotion_performance"):
        tables[table] = [(name, 5, 4, 1, 90 - i, 9, None, None, None, None) for i, name in enumerate(HOSTILE)]
    effect = (90, 10, 2.0, 1.0, 1.0, 0.5, 1.5, 28, True, HOSTILE[0], None, None, None, None, None, HOSTILE[1])
    tables["campaign_effect"] = [
        (name, "margin_per_customer", "all", *effect, 0, name, name, True, 0.5, 1.0, None) for name in HOSTILE
    ]
    tables["campaign_list"] = [(name, HOSTILE[0], "c1") for name in HOSTILE]
    tables["campaign_assignment"] = [(name, HOSTILE[0], "c1", "treated", None, NIGHT, "export") for name in HOSTILE]
    tables["customer_segment"] = [(f"c{i}", name) for i, name in enumerate(HOSTILE)]
    tables["customer_segment_history"] = [
        (f"c{i}", name, NIGHT - timedelta(days=(i % 2) * 3), None) for i, name in enumerate(HOSTILE)
    ]
    tables["customer_rfm"] = [(f"c{i}", 3, 2, 100, 5, 1 + i % 5, 3, name) for i, name in enumerate(HOSTILE)]
    tables["customer_clv"] = [
        (f"c{i}", 1, 1, 9, 0.9, 1, 9, 50, 0, 90, name, name, 365) for i, name in enumerate(HOSTILE)
    ]
    names = list(enumerate(HOSTILE))
    tables["customer_churn"] = [(f"c{i}", True, 0.4, name, name, 90, None, None, None) for i, name in names]
    tables["customer_churn"] += [(f"h{i}", True, 0.9, "high", name, 90, name, None, None) for i, name in names]
    tables["customer_growth"] = [(f"c{i}", 90, 5, 0.4, name, 9, name, 9) for i, name in names for _ in range(5)]
    tables["customer_next_order"] = [("c0", 0.9, NIGHT + timedelta(3), None), ("c1", 0.1, None, HOSTILE[0])]
    tables["model_quality"] = [(name, name, 1.0, name, NIGHT) for name in HOSTILE]
    tables["data_quality"] = [(name, 3, 1, 1, 1, 0) for name in HOSTILE]
    tables["batch_expectation"] = [(name, name, "warn", False, name, name, name) for name in HOSTILE]
    tables["rejected_rows"] = [(name, name, 1, name) for name in HOSTILE]
    tables["reconciliation_rejected"] = [(NIGHT, name, name, 1, 0, 0, None) for name in HOSTILE]
    return tables

"""RFM, CLV, churn and segments: figures are those of the tables."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

from datetime import timedelta
from pathlib import Path

from report_nights import full_night
from report_warehouse import NIGHT, Page, written

from pipelines.report.customers import wilson


def test_segments_and_deciles_have_the_figures_of_their_tables(full_page: str) -> None:
    rows = Page(full_page).rows
    tables = full_night()
    champions = [row for row in tables["customer_rfm"] if row[7] == "champions"]
    spent = f"EUR {sum(row[3] for row in champions):,.0f}"
    assert ("champions", str(len(champions)), f"{len(champions) / 300:.1%}", spent) in [row[:4] for row in rows]
    assert ("1", "310", "4.0%", f"{tables['churn_calibration'][0][3]:.1%}") in [row[:4] for row in rows]


def test_expected_purchases_of_all_customers_stand_beside_what_the_model_missed(full_page: str) -> None:
    words = Page(full_page).sections["clv"]
    assert "Together they are expected to buy on 1,234 days, with 95% certainty on 900 to 1,601." in words
    assert "missed the purchases of that part by a factor of 1.36 more than chance explains" in words
    assert (
        "The total is forecast by the model of buying alone: in 182 days, under 13 months of history, season and trend "
        "can't be told apart." in words
    )
    assert "Young customers buy unlike earlier ones: fitted apart; they buy 0.45 times as often." in words
    assert (
        "Their CLV together lies with 95% certainty between EUR 9,000 and EUR 16,001; the ten largest customers hold "
        "21.4% of it." in words
    )


def test_other_horizons_of_clv_are_said_beside_the_main_one(tmp_path: Path) -> None:
    tables = {
        "customer_clv": [("c1", 1, 1, 9, 0.9, 1.0, 9.0, 50.0, 0.0, 90.0, "gold", "revenue", 365)],
        "customer_clv_horizon": [("c1", 730, 2.0, 80.0), ("c1", 90, 0.4, 15.0), ("c2", 90, 1.6, 25.0)],
    }
    words = Page(written(tmp_path, tables)).sections["clv"]
    assert "In 90 days it is EUR 40 on 2 purchase days.\nIn 730 days it is EUR 80 on 2 purchase days." in words


def test_another_model_of_spend_than_the_usual_is_said_with_its_reason(full_page: str) -> None:
    words = (
        "Spend on a day is not forecast by the usual model (Gamma-Gamma): all customers spend the same on a purchase"
    )
    assert f"{words} day, 9.99." in Page(full_page).sections["clv"]


def test_reasons_are_counted_whatever_figures_they_hold(tmp_path: Path) -> None:
    silent = [
        (f"s{n}", f"no order for {10 * n} days (usually every {n})", "only 1 order in the last 180 days")
        for n in (1, 2)
    ]
    often = [(f"o{n}", f"only {n} orders in the last 180 days", f"orders of about {-n} each") for n in (2, 3, 4)]
    rows = [(name, True, 0.9, "high", "x", 90, first, second, None) for name, first, second in silent + often]
    others = [("m", True, 0.5, "medium", "x", 90, "1 return", None, None)]
    others += [("i", False, 0.9, "high", "x", 90, "1 return", None, None)]
    page = Page(written(tmp_path, {"customer_churn": rows + others}))
    assert "of 5 active customers is “only N orders in the last 180 days” (100.0% of them)" in page.sections["churn"]
    assert [row for row in page.rows if "N" in row[0]] == [
        ("only N orders in the last 180 days", "5", "100.0%", "3", "2.2"),
        ("orders of about N each", "3", "60.0%", "0", "–"),
        ("no order for N days (usually every M)", "2", "40.0%", "2", "–"),
    ]


def test_without_anyone_at_high_risk_the_page_says_so(tmp_path: Path) -> None:
    tables = {"customer_churn": [("c1", True, 0.25, "low", "x", 90, None, None, None)]}
    assert "No active customer is at high risk tonight." in Page(written(tmp_path, tables)).sections["churn"]


def test_movement_counts_who_entered_and_left_in_28_days(tmp_path: Path) -> None:
    old = NIGHT - timedelta(days=90)
    tables = {
        "customer_360": [(customer, *(None,) * 3, 0, 0, *(None,) * 5, True) for customer in ("c1", "c2")],
        "customer_segment": [("c1", "loyal"), ("c2", "loyal")],
        "customer_segment_history": [
            ("c1", "loyal", old, None),
            ("c2", "loyal", NIGHT, None),
            ("c3", "loyal", old, NIGHT - timedelta(days=27)),
            ("c4", "loyal", old, NIGHT - timedelta(days=28)),
            ("c2", "new", old, NIGHT),
        ],
    }
    rows = Page(written(tmp_path, tables)).rows
    assert ("loyal", "2", "100.0%", "1", "1", "0") in rows
    assert ("new", "0", "0.0%", "0", "1", "−1") in rows


def test_wilson_interval_of_ten_in_a_hundred() -> None:
    low, high = wilson(0.1, 100)
    assert (round(low, 4), round(high, 4)) == (0.0552, 0.1744)


def test_without_skill_the_page_says_why_all_have_one_probability(tmp_path: Path) -> None:
    note = "alarm; the forecast has no skill, so everybody gets the base rate"
    tables = {
        "customer_churn": [(f"c{i}", True, 0.25, None, "base_rate", 90, None, None, None) for i in range(4)],
        "churn_calibration": [(1, 400, 0.25, 0.24)],
        "model_quality": [("churn", "skill_p_value", 0.4, note, NIGHT)],
    }
    words = Page(written(tmp_path, tables)).sections["churn"]
    assert "Of 4 active customers about 1 (25.0%) are expected not to buy in the next 90 days." in words
    assert "Who of them will leave cannot be told: the forecast has no skill, so everybody gets the base rate." in words
    assert "Risk" not in words

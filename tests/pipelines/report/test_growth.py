"""Spend growth and next orders: figures are sums of the tables."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

from datetime import timedelta
from pathlib import Path

from report_warehouse import NIGHT, Page, written


def test_who_may_spend_more_and_the_headroom_are_sums_of_the_table(full_page: str) -> None:
    page = Page(full_page)
    words = page.sections["growth"]
    assert (
        "Of 300 customers with an order in the last year about 75 (25.0%) are expected to spend more in the next 90"
        " days than in the last 90. Given one customer who then spent more and one who did not, the model ranks"
        " the first higher 75% of the time"
    ) in words
    assert "270 customers could spend more, EUR 10,935 a year in all: up to what the top quarter of comparable" in words
    assert ("tea", "180", "EUR 7,290", "EUR 40", "EUR 200") in page.rows
    assert ("coffee", "90", "EUR 3,645", "EUR 40", "EUR 120") in page.rows


def test_orders_are_counted_by_the_week_they_are_due_in(tmp_path: Path) -> None:
    nobody = {"customer_growth": [("c1", 90, 0, None, None, None, None, None)]}
    days = {1: 3, 7: 4, 8: 1, 28: 2, 29: 5, 900: 1}
    dated = [(f"d{n}-{k}", 0.5, NIGHT + timedelta(n), None) for n, many in days.items() for k in range(many)]
    gone = [("g1", 0.1, None, "presumed_gone"), ("g2", None, None, "no_purchase")]
    words = Page(written(tmp_path, nobody | {"customer_next_order": dated + gone})).sections["growth"]
    assert "of 7 customers is due within 7 days, of 10 within 28 days; of those 5 are expected to order again" in words
    assert "Without a date: 2 customers (1 returned everything they had bought; 1 more likely gone than not)." in words


def test_without_models_of_growth_the_page_says_why(tmp_path: Path) -> None:
    tables = {
        "customer_growth": [("c1", 90, 5, None, None, None, None, None)],
        "customer_next_order": [("c1", None, None, "no_model")],
        "model_quality": [
            ("growth", "method", None, "none: 0 of 0 customers spent more", None),
            ("growth", "categories_with_capacity", 0.0, "headroom is NULL: no category has 30 households", None),
            ("next_order", "customers", 1.0, "no model of the next order: 0 of 1 customers bought again", None),
        ],
    }
    page = Page(written(tmp_path, tables))
    words = page.sections["growth"]
    assert "no probability to spend more for any: none: 0 of 0 customers spent more." in words
    assert "Headroom is not known: headroom is NULL: no category has 30 households." in words
    assert "No customer's next order has a date: no model of the next order: 0 of 1 customers bought again." in words
    assert ("none", "1", "–", "–", "–", "–") in page.rows
    assert "There is no model tonight whose customers and scores could have drifted." in page.sections["drift"]


def test_amounts_of_fewer_than_five_customers_are_not_on_the_page(tmp_path: Path) -> None:
    few = [(f"c{n}", 90, 77.77, 0.4, "logistic", 88.88, "rare", 88.88) for n in range(4)]
    many = [(f"d{n}", 90, 10.0, 0.4, "logistic", 20.0, "tea", 20.0) for n in range(5)]
    rfm = [(f"c{n}", 1, 1, 5, 1, 1, 1, "few") for n in range(4)] + [
        (f"d{n}", 1, 1, 5, 1, 1, 1, "many") for n in range(5)
    ]
    page = Page(written(tmp_path, {"customer_growth": few + many, "customer_rfm": rfm}))
    assert ("few", "4", "–", "–", "–", "–") in page.rows
    assert ("many", "5", "40.0%", "2", "EUR 50", "EUR 100") in page.rows
    assert [row for row in page.rows if row[0] in ("tea", "rare")] == [
        ("tea", "5", "EUR 100", "EUR 20", "–"),
        ("rare", "4", "–", "–", "–"),
    ]

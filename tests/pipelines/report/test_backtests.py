"""Past forecasts: each stands beside its outcome and a guess without a model."""
# ruff: noqa: RUF001 (the report writes a real minus and a real dash)

from pathlib import Path

from report_warehouse import Page, written


def test_past_forecasts_stand_beside_their_outcome_and_a_guess(full_page: str) -> None:
    page = Page(full_page)
    words = page.sections["backtests"]
    assert "the forecast of 12 Dec 2024 for 90 days was 3.30 and the outcome was 3.00 (10.0% too high)" in words
    assert "1 of 2 forecasts came nearer than the guess that each customer buys as much as in the same number" in words
    assert "of days before" in words
    assert "was 27.0% and the outcome was 30.0% (10.0% too low)" in words
    assert "Not compared: no customer has a forecast: too young." in words
    assert ("loyal", "300", "3.96", "3.60", "4.80") in page.rows
    assert ("2024-Q1", "300", "21.6%", "24.0%", "–") in page.rows


def test_spend_growth_and_next_orders_of_the_past_are_compared_with_their_outcome(full_page: str) -> None:
    words = Page(full_page).sections["backtests"]
    spent_more = "Customers that spent more: the forecast of 12 Dec 2024 for 90 days was 30.0%"
    assert f"{spent_more} and the outcome was 25.0%" in words
    assert "Ended intervals that held the next order: the forecast of 12 Dec 2024 for 90 days was 50.0%" in words


def test_before_the_first_backtest_the_page_says_how_to_run_one(tmp_path: Path) -> None:
    words = Page(written(tmp_path, {"kpi_daily": []})).sections["backtests"]
    assert "no backtest has been run yet; `loyalty backtest` runs one" in words

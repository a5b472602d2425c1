"""Daily figures and the two periods that are compared."""

from report_nights import full_night
from report_warehouse import Page


def test_the_two_periods_are_sums_of_the_last_eight_weeks(full_page: str) -> None:
    days = full_night()["kpi_daily"]
    now, before = (f"{sum(d[1] for d in part):,.2f}" for part in (days[-28:], days[-56:-28]))
    assert ("Revenue", f"EUR {now}", f"EUR {before}") in [row[:3] for row in Page(full_page).rows]

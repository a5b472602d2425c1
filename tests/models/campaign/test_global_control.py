"""Draws of the global control group, and which months of them count."""

from datetime import date

from models.campaign.global_control import Draw, Month, continued, kept_months, rolling_period


def draw(first: str, last: str, *, year: str = "2024", share: float = 0.1, salt: str = "s") -> Draw:
    return Draw(year, share, salt, date.fromisoformat(first), date.fromisoformat(last))


def months_of(draws: list[Draw], night: str) -> list[tuple[int, str]]:
    return [(month.draw_number, f"{month.from_date:%Y-%m}") for month in kept_months(draws, date.fromisoformat(night))]


def test_the_period_is_the_twelve_whole_months_before_the_night() -> None:
    assert rolling_period(date(2024, 6, 30)) == (date(2023, 6, 1), date(2024, 5, 31))
    assert rolling_period(date(2024, 7, 1)) == (date(2023, 7, 1), date(2024, 6, 30))


def test_the_first_month_after_a_draw_is_dropped_whether_it_is_a_calendar_month_or_not() -> None:
    assert months_of([draw("2024-01-01", "2024-04-01")], "2024-04-01") == [(0, "2024-02"), (0, "2024-03")]
    assert months_of([draw("2024-01-02", "2024-04-01")], "2024-04-01") == [(0, "2024-03")]
    assert months_of([draw("2024-01-31", "2024-04-01")], "2024-04-01") == [(0, "2024-03")]


def test_a_month_counts_only_if_one_draw_held_to_its_end() -> None:
    assert months_of([draw("2023-12-01", "2024-02-28")], "2024-04-01") == [(0, "2024-01")]


def test_both_draws_of_a_period_over_new_year_count_but_for_january() -> None:
    two = [draw("2023-01-01", "2023-12-31", year="2023"), draw("2024-01-01", "2024-03-31")]
    found = months_of(two, "2024-04-01")
    assert found == [(0, f"2023-{month:02}") for month in range(4, 13)] + [(1, "2024-02"), (1, "2024-03")]


def test_months_before_the_period_do_not_count() -> None:
    assert kept_months([draw("2020-01-01", "2024-03-31")], date(2024, 4, 1))[0] == Month(
        0, date(2023, 4, 1), date(2023, 4, 30)
    )


def test_a_draw_goes_on_while_year_share_and_salt_are_the_same_and_one_that_comes_back_is_new() -> None:
    first, tonight = draw("2024-01-01", "2024-01-05"), draw("2024-01-06", "2024-01-06")
    assert continued([], tonight) == [tonight]
    assert continued([first], tonight) == [draw("2024-01-01", "2024-01-06")]
    assert continued([first], None) == [first]
    for other in ({"year": "2025"}, {"share": 0.2}, {"salt": "t"}):
        between = draw("2024-01-06", "2024-01-06", **other)
        assert continued([first], between) == [first, between]
        again = draw("2024-01-07", "2024-01-07")
        assert continued([between, first], again) == [first, between, again]

"""Which past forecasts a backtest looks at."""

from datetime import timedelta

from pipelines.backtests.origins import past_origins


def published(retailer, lake) -> list[tuple[str, tuple[int, ...], bool]]:
    found = past_origins(lake.open_backtest(lake.nights()[-1]), retailer.settings)
    return [(f"{origin.as_of}", origin.windows, origin.horizon is not None) for origin in found]


def test_published_nights_are_as_far_apart_as_fits_and_their_windows_are_over(retailer, commit_nights):
    lake = commit_nights("2024-01-01", "2025-01-01", "2025-01-05", "2025-01-08", "2025-04-07", "2025-04-08")
    assert published(retailer, lake) == [
        ("2024-01-01", (90, 365), True),
        ("2025-01-01", (90,), True),
        ("2025-01-08", (90,), True),
    ]


def test_a_young_homes_nights_have_a_window_of_four_weeks(retailer, commit_nights):
    lake = commit_nights("2025-01-01", "2025-01-20", "2025-02-17")
    assert published(retailer, lake) == [("2025-01-01", (28,), False), ("2025-01-20", (28,), False)]


def test_the_first_night_has_no_past_forecast(retailer, commit_nights):
    assert published(retailer, commit_nights("2025-01-01")) == []


def test_rolling_origins_lie_a_churn_horizon_apart_and_within_the_data(shop):
    found = {row["as_of_date"] for row in shop.result.tables["backtest_quality"] if row["kind"] == "rolling_origin"}
    assert found == {shop.night - timedelta(90 * n) for n in (1, 2, 3, 4)}

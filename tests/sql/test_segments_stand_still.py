"""RFM segments change when customers change what they do, and not because one more night has passed."""

import pytest
from segment_nights import Measured, generated, measured, nights_from, segment_nights

from pipelines.catalog import tables

# One fit serves all nights: what fits and other shops' logs move is measured by segment_nights.py as a program.
NIGHTS = 20
# Days between orders on average, and days of history.
SHOPS = {"weekly": (7, 500), "monthly": (30, 1_200), "yearly": (365, 5_000)}


@pytest.fixture(scope="module", params=SHOPS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """Twenty nights of a shop whose customers buy at gaps of their own, and stop one day."""
    mean_gap, days = SHOPS[request.param]
    log = generated(mean_gap, customers=900, days=days)
    nights = nights_from(log.first, NIGHTS)
    found = segment_nights(log.order_days, nights, tmp_path_factory.mktemp("home"), fit_days=NIGHTS)
    return measured(found, log.stops)


def test_three_of_a_hundred_change_in_a_night_on_average_and_never_more_than_four_and_a_half(found):
    shares = found.changed.values()
    assert len(shares) == NIGHTS - 1
    assert 0 < sum(shares) / len(shares) <= 0.03
    assert max(shares) <= 0.045


def test_a_segment_of_a_hundred_or_more_loses_less_than_a_twentieth_in_a_night(found):
    """On average: of a hundred members six leave now and then by chance."""
    means = {name: sum(shares.values()) / len(shares) for name, shares in found.left.items() if shares}
    assert means
    assert max(means.values()) <= 0.05


def test_nobody_is_told_by_the_night_before_what_they_are():
    """Of all tables that customer_rfm rests on, only the weekly fits and holders of cards know earlier nights."""
    waiting, seen = ["customer_rfm"], set()
    while waiting:
        seen.add(name := waiting.pop())
        waiting += set(tables()[name].inputs) - seen
    assert {name for name in seen if tables()[name].history} == {"clv_fit", "next_order_fit", "card_move"}


def test_who_stops_is_soon_out_of_champions_and_loyal(tmp_path):
    """From 20 gaps on when 19 of 20 of them would be over; with fewer at least three in four within twice as long."""
    log = generated(7, customers=800, days=500, life=14)
    nights = nights_from(log.first, 60, step=3)
    found = measured(segment_nights(log.order_days, nights, tmp_path, fit_days=500), log.stops)
    assert min(found.stopped.values()) >= 20
    assert found.still_good["20 gaps, at once"] == 0
    assert found.still_good["5 gaps, twice"] <= 0.25 * found.stopped["5 gaps, twice"]
    assert found.still_good["5 gaps, three times"] <= 0.05 * found.stopped["5 gaps, three times"]

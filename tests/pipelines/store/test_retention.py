"""Retention: what goes after a night, and that nothing goes which the nights that stay are made of."""

from datetime import date

import pytest

from pipelines.errors import LoyaltyError
from pipelines.settings import load_settings
from pipelines.store.lake import Lake
from pipelines.store.manifest import Backtest
from pipelines.store.retention import apply_retention

DAYS = [f"2017-12-0{n}" for n in range(1, 6)]
CRM = "customer_id,registered_at\n"


@pytest.fixture
def keep(monkeypatch):
    """Set how many days are kept."""

    def set_days(**days: int) -> None:
        for name, value in days.items():
            monkeypatch.setenv(f"LOYALTY_KEEP_{name.upper()}_DAYS", f"{value}")
        load_settings.cache_clear()

    return set_days


def load(retailer, day, customers="", stores=""):
    extracts = {"crm_customers": CRM + customers}
    if stores:
        extracts["stores"] = f"store_id,name\n{stores}"
    retailer.deliver(day, **extracts)
    night = retailer.load(day)
    apply_retention(night.lake, night.run_date, retailer.settings)
    return night


def ids(retailer, night):
    return retailer.rows(night, "crm_customers", "customer_id")


def test_without_settings_everything_is_kept(retailer):
    for day in DAYS:
        load(retailer, day, f"c{day},2017-01-01\n")
    assert len(Lake(retailer.home).nights()) == len(list((retailer.home / "landing").iterdir())) == 5


def test_landing_and_exports_older_than_the_days_go(retailer, keep):
    keep(landing=1, exports=2)
    for name in ("2017-11-20", "2017-12-01", "erasures/2017-11-30.aa", "erasures/2017-12-03.bb"):
        (retailer.home / "exports" / name).mkdir(parents=True)
    for day in DAYS[:3]:
        load(retailer, day)
    left = {str(path.relative_to(retailer.home)) for path in retailer.home.rglob("*") if "lake" not in path.parts}
    assert {name for name in left if "csv" not in name and name != ".lock"} == {
        "landing", "landing/2017-12-02", "landing/2017-12-03",
        "exports", "exports/2017-12-01", "exports/erasures", "exports/erasures/2017-12-03.bb",
    }  # fmt: skip


def test_rows_of_nights_that_are_gone_stay_in_later_ones(retailer, keep):
    keep(nights=1, landing=1)
    load(retailer, DAYS[0], "c1,2017-01-01\nc2,2017-01-01\n", stores="s1,North\n")
    for day in DAYS[1:4]:
        load(retailer, day, f"{day},2017-01-01\n")
    night = load(retailer, DAYS[4], "c2,2017-02-02\n")
    lake = Lake(retailer.home)
    assert lake.nights() == [date(2017, 12, 4), date(2017, 12, 5)]
    assert ids(retailer, night) == [("2017-12-02",), ("2017-12-03",), ("2017-12-04",), ("c1",), ("c2",)]
    assert retailer.rows(night, "stores", "store_id") == [("s1",)]
    assert lake.stale_nights() == []
    assert retailer.counts(night, "crm_customers")[4] == 1


def test_the_data_docs_of_a_night_go_with_it(retailer, keep):
    keep(nights=1)
    for day in DAYS[:4]:
        (retailer.home / "quality" / day).mkdir(parents=True)
        load(retailer, day)
    assert sorted(path.name for path in (retailer.home / "quality").iterdir()) == DAYS[2:4]


def test_the_latest_night_can_be_run_again_but_not_one_whose_night_before_is_gone(retailer, keep):
    keep(nights=0)
    for day in DAYS[:3]:
        load(retailer, day, f"{day},2017-01-01\n")
    again = load(retailer, DAYS[2], "x,2017-01-01\n")
    assert ids(retailer, again) == [("2017-12-01",), ("2017-12-02",), ("x",)]
    for day in DAYS[:2]:
        with pytest.raises(LoyaltyError, match=rf"night {day} can't be run again: the nights before 2017-12-02"):
            retailer.load(day)


def test_files_that_no_kept_night_names_go(retailer, keep):
    keep(nights=0)
    kept = []
    for day in DAYS[:4]:
        load(retailer, day, stores=f"{day},North\n")
        kept.append({path.name[:10] for path in Lake(retailer.home).table_files() if path.parent.name == "stores"})
    assert kept == [set(DAYS[:1]), set(DAYS[:2]), set(DAYS[1:3]), set(DAYS[2:4])]


def test_an_old_night_run_again_removes_nothing(retailer, keep):
    for day in DAYS[:3]:
        load(retailer, day)
    keep(nights=0, landing=0)
    load(retailer, DAYS[0])
    assert len(Lake(retailer.home).nights()) == 3
    assert len(list((retailer.home / "landing").iterdir())) == 3


def test_no_night_goes_that_a_later_one_does_not_know_yet(retailer, keep):
    """The first night came after the second, which has not been run again since."""
    load(retailer, DAYS[1], "b,2017-01-01\n")
    load(retailer, DAYS[0], "a,2017-01-01\n")
    keep(nights=1)
    night = load(retailer, DAYS[2])
    assert Lake(retailer.home).nights()[0] == date(2017, 12, 1)
    retailer.load(DAYS[1])
    night = load(retailer, DAYS[2])
    assert Lake(retailer.home).nights() == [date(2017, 12, 2), date(2017, 12, 3)]
    assert ids(retailer, night) == [("a",), ("b",)]


def test_backtests_go_with_the_nights_but_for_the_last_one_that_the_first_kept_night_shows(retailer, keep):
    keep(nights=1)
    load(retailer, DAYS[0])
    for day in (*DAYS[:3], DAYS[4]):
        result = Backtest(run_date=date.fromisoformat(day), code_version="x", tables={})
        Lake(retailer.home).backtests.replace(result)
    for day in DAYS[1:]:
        load(retailer, day)
    assert [f"{night}" for night in Lake(retailer.home).nights()] == DAYS[3:]
    left = sorted(path.stem for path in (retailer.home / "lake" / "backtests").iterdir())
    assert left == [DAYS[2], DAYS[4]]

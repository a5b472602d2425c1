"""Tiers as a night makes them: from a file, for members, with probabilities by the night's model of buying."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from conftest import Retailer, needed

from pipelines.publishing.night_warnings import model_warnings
from pipelines.scoring.tier_file import TierRules
from pipelines.scoring.tiers import Period, period_of
from pipelines.settings import load_settings
from pipelines.store.lake import Lake, Night

NEEDED = needed("customer_tier", "clv_fit")
TIERS = """\
basis: {basis}
period: {period}
tiers:
- {{name: blue, threshold: 0}}
- {{name: silver, threshold: {silver}}}
- {{name: gold, threshold: 1000000}}
"""


def rules(period: str) -> TierRules:
    return TierRules.model_validate({"basis": "spend", "period": period, "tiers": [{"name": "a", "threshold": 0}]})


@pytest.mark.parametrize(
    ("period", "day", "expected"),
    [
        ("calendar_year", "2024-12-31", ("2024-01-01", "2024-12-31", "2023-01-01", "2023-12-31")),
        ("calendar_year", "2025-01-01", ("2025-01-01", "2025-12-31", "2024-01-01", "2024-12-31")),
        ("rolling 1 month", "2024-03-15", ("2024-03-01", "2024-03-31", "2024-02-01", "2024-02-29")),
        ("rolling 12 months", "2024-02-29", ("2023-03-01", "2024-02-29", "2023-02-01", "2024-01-31")),
        ("rolling 12 months", "2024-12-01", ("2024-01-01", "2024-12-31", "2023-12-01", "2024-11-30")),
    ],
)
def test_a_period_and_the_one_before_it(period, day, expected):
    assert period_of(rules(period), date.fromisoformat(day)) == Period(*map(date.fromisoformat, expected))


def customers(count: int = 200) -> dict[str, list[int]]:
    """Days of the year on which customers buy: some once, some often, some who have left."""
    return {f"c{n}": [n % 90 + k * (9 + 5 * n % 71) for k in range(1 + n % 6)] for n in range(count)}


def receipts(days: dict[str, list[int]]) -> str:
    rows = [
        f"{customer}-{n},{customer},{date(2017, 1, 1) + timedelta(day)},{10 + (7 * n + len(customer) * day) % 13}"
        for customer, bought in days.items()
        for n, day in enumerate(bought)
    ]
    return "receipt_id,customer_id,issued_at,total_amount\n" + "\n".join(rows) + "\n"


NAMES = (
    *("customer_id", "qualifying_amount", "tier", "next_tier", "distance_to_next_tier", "amount_to_keep"),
    *("p_rise", "p_fall", "reason"),
)
Rows = dict[str, dict[str, Any]]


class Home:
    """A home of 200 members who have bought and one, c200, who has not; each night has a tier file of its own."""

    def __init__(self, folder: Path) -> None:
        self.retailer, self.file = Retailer(folder / "home"), folder / "tiers.yaml"
        crm = "customer_id,registered_at\n" + "".join(f"c{n},2016-12-01\n" for n in range(201))
        self.first = {"crm_customers": crm, "receipts": receipts(customers())}
        self.loaded: Night

    def night(self, day: str, text: str | None) -> Rows:
        """Rows of customer_tier of a night, by customer."""
        if text is not None:
            self.file.write_text(text)
        self.retailer.deliver(day, **self.first)
        self.first = {}
        self.loaded = self.retailer.load(day, upto=("staging", "facts", "scores"), only=NEEDED)
        rows = self.retailer.rows(self.loaded, "customer_tier", ", ".join(NAMES))
        return {row[0]: dict(zip(NAMES, row, strict=True)) for row in rows}

    def warnings(self) -> list[str]:
        lake = Lake(self.retailer.home)
        return model_warnings(lake, lake.manifest(self.loaded.run_date))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Iterator[Home]:
    folder = tmp_path_factory.mktemp("tiers")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(folder / "home"))
        patch.setenv("LOYALTY_TIERS", str(folder / "tiers.yaml"))
        load_settings.cache_clear()
        home = Home(folder)
        home.night("2017-10-01", TIERS.format(basis="spend", period="calendar_year", silver=60))
        yield home
    load_settings.cache_clear()


def test_probabilities_are_of_those_who_have_bought(home):
    found = home.night("2017-10-02", TIERS.format(basis="spend", period="calendar_year", silver=60))
    assert len(found) == 201
    near = [row for row in found.values() if row["next_tier"] == "silver" and row["reason"] is None]
    assert 0 < min(row["p_rise"] for row in near) < 0.05
    assert 0.3 < max(row["p_rise"] for row in near) < 1
    never = found["c200"]
    assert (never["tier"], never["next_tier"], never["distance_to_next_tier"]) == ("blue", "silver", Decimal(60))
    assert (never["p_rise"], never["p_fall"], never["reason"]) == (None, 0, "no_purchase")
    assert all(row["p_rise"] < 0.001 for row in found.values() if row["next_tier"] == "gold")
    assert {row["p_fall"] for row in found.values()} == {0}  # what is reached this year holds for the next
    assert not [warning for warning in home.warnings() if "tier" in warning]


def test_purchase_days_need_a_model_of_buying_alone(home):
    found = home.night("2017-10-03", TIERS.format(basis="purchase_days", period="calendar_year", silver=6))
    assert {row["qualifying_amount"] for row in found.values()} == set(range(7))
    lacks = {row["distance_to_next_tier"]: row["p_rise"] for row in found.values() if row["tier"] == "blue"}
    assert lacks[1] > lacks[3]


def test_a_tier_of_the_last_period_may_be_lost_at_the_end_of_this_one(home):
    found = home.night("2017-10-04", TIERS.format(basis="spend", period="rolling 3 months", silver=30))
    at_risk = [row for row in found.values() if row["amount_to_keep"] > 0]
    assert at_risk
    assert all(0 < row["p_fall"] <= 1 and row["tier"] == "silver" for row in at_risk)
    assert all(row["next_tier"] == "gold" for row in at_risk)


def test_points_have_no_probability_and_the_reason_says_why(home):
    found = home.night("2017-10-05", TIERS.format(basis="points_earned", period="calendar_year", silver=60))
    assert {(row["p_rise"], row["p_fall"], row["reason"]) for row in found.values()} == {
        (None, 0, "no_points_forecast")
    }


def test_a_broken_file_leaves_the_table_empty_and_the_warnings_say_why(home):
    assert home.night("2017-10-06", TIERS.format(basis="spend", period="calendar_year", silver=-1)) == {}
    (warning,) = [warning for warning in home.warnings() if "tier" in warning]
    assert warning == (
        "model tier, file_faults 1: no member has a tier until this is mended: "
        f"{home.file}, line 5, tiers, no. 2, threshold: -1 is too small; the least is 0"
    )
    assert home.retailer.rows(home.loaded, "customer_purchase_pattern")


def test_on_the_last_night_of_a_period_all_is_known(home):
    found = home.night("2017-10-31", TIERS.format(basis="spend", period="rolling 3 months", silver=30))
    assert {row["p_rise"] for row in found.values()} == {0}
    at_risk = [row for row in found.values() if row["amount_to_keep"] > 0]
    assert at_risk
    assert all(row["p_fall"] == (row["amount_to_keep"] > 0) for row in found.values())
    assert {row["reason"] for row in found.values()} == {None}


def test_without_a_file_there_is_no_tier_and_no_warning(home, monkeypatch):
    monkeypatch.delenv("LOYALTY_TIERS")
    load_settings.cache_clear()
    assert home.night("2017-11-01", None) == {}
    assert not home.retailer.rows(home.loaded, "tier_fit")
    assert not [warning for warning in home.warnings() if "tier" in warning]


def test_too_few_customers_give_no_model_and_the_reason_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("LOYALTY_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOYALTY_TIERS", str(tmp_path / "tiers.yaml"))
    load_settings.cache_clear()
    home = Home(tmp_path)
    home.first["receipts"] = receipts(customers(3))
    found = home.night("2017-10-01", TIERS.format(basis="spend", period="calendar_year", silver=60))
    assert {row["reason"] for row in found.values()} == {"no_model"}
    load_settings.cache_clear()

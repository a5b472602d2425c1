"""Planning before a campaign starts: the night's table and the command say the same of who would be in it."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Retailer, needed
from nights import make_tables
from typer.testing import CliRunner, Result

from models.campaign.power import detectable_lift, spread_of
from models.detectable_effect import detectable_difference
from pipelines.campaigns import power
from pipelines.campaigns.plan import plan
from pipelines.errors import LoyaltyError
from pipelines.ops.cli import app
from pipelines.settings import load_settings
from pipelines.store.lake import CommittedNight, Lake

FIRST, SECOND = "2017-12-01", "2017-12-02"
PEOPLE, RECENT = 300, 200  # who bought once; the first so many within twenty days, the others before
NEEDED = needed("campaign_list", "campaign_power", "customer_day")
CRM = "customer_id,registered_at,email,email_consent,phone,sms_consent,updated_at\n"
RECEIPTS = "receipt_id,customer_id,issued_at,operation,total_amount\n"
CONTACTS = "contact_id,customer_id,channel,sent_at,cost_amount\nk1,c1,sms,2017-10-01,0.04\nk2,c1,sms,2017-10-02,0.08\n"
SOON = """
- {id: soon, name: Soon, segment: one_time_buyers, priority: 1, window_days: 20, control_share: 0.4,
   starts_on: 2018-01-01, channels: [{channel: email, target: unisender}, {channel: sms, target: sms}]}
"""
RUNS = """
- {id: runs, name: Runs, segment: one_time_buyers, priority: 2, window_days: 20, control_share: 0.1,
   ends_on: 2017-12-05, channels: [{channel: sms, target: sms}]}
"""
OVER = RUNS.replace("runs", "over").replace("12-05", "12-01")


def crm(people: int) -> str:
    """All have a phone and an e-mail; nine in ten may be e-mailed, every second may be texted."""
    return CRM + "".join(
        f"c{n},2017-01-01,c{n}@example.org,{n % 10 != 0},+1201555{n:04d},{n % 2 == 0},{FIRST}\n" for n in range(people)
    ).replace("True", "true").replace("False", "false")


def receipts(people: int) -> str:
    days = ["2017-11-20" if n < RECENT or n >= PEOPLE else "2017-10-20" for n in range(people)]
    return RECEIPTS + "".join(f"r{n},c{n},{day},sale,{5 + n % 7}\n" for n, day in enumerate(days))


def run_night(retailer: Retailer, day: str) -> None:
    draft = retailer.open(day)
    make_tables(NEEDED, draft, retailer.settings)
    draft.commit("test", {}, draft.tables())
    dated = retailer.home / f"warehouse.{day}.duckdb"
    dated.touch()
    (shown := retailer.home / "warehouse.duckdb").unlink(missing_ok=True)
    shown.hardlink_to(dated)
    draft.finish()


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home after two nights: on the second, ten more bought for the first time."""
    folder = tmp_path_factory.mktemp("plan")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(folder / "home"))
        patch.setenv("LOYALTY_CAMPAIGNS", str(folder / "campaigns.yaml"))
        load_settings.cache_clear()
        (folder / "campaigns.yaml").write_text(f"campaigns:{SOON}{RUNS}{OVER}")
        retailer = Retailer(folder / "home")
        retailer.deliver(FIRST, crm_customers=crm(PEOPLE + 10), receipts=receipts(PEOPLE), contacts=CONTACTS)
        run_night(retailer, FIRST)
        retailer.deliver(SECOND, receipts=receipts(PEOPLE + 10))
        run_night(retailer, SECOND)
    load_settings.cache_clear()
    return folder / "home"


@pytest.fixture
def shop(retailer: Retailer, nights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Retailer]:
    monkeypatch.setenv("LOYALTY_CAMPAIGNS", str(tmp_path / "campaigns.yaml"))
    load_settings.cache_clear()
    shutil.copytree(nights, retailer.home, dirs_exist_ok=True)
    (tmp_path / "campaigns.yaml").write_text(f"campaigns:{SOON}{RUNS}{OVER}")
    yield retailer


@pytest.fixture
def loyalty(shop: Retailer) -> Callable[..., Result]:
    def run(*words: str) -> Result:
        done = CliRunner().invoke(app, ["plan", *words, "--home", str(shop.home)])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def stored(shop: Retailer, columns: str) -> list[tuple[Any, ...]]:
    return shop.rows(CommittedNight(Lake(shop.home), date.fromisoformat(SECOND), "test"), "campaign_power", columns)


def test_a_night_plans_each_campaign_that_is_not_over(shop: Retailer) -> None:
    found = stored(shop, "campaign_id, metric")
    assert len(found) == 8
    assert {name for name, _ in found} == {"soon", "runs"}


def test_candidates_are_whom_the_campaign_could_write_to_if_it_began(shop: Retailer) -> None:
    found = set(stored(shop, "campaign_id, candidate_count, planned_days, window_days"))
    both, texted = sum(n % 10 != 0 or n % 2 == 0 for n in range(PEOPLE + 10)), (PEOPLE + 10) // 2
    assert found == {("soon", both, 28, 20), ("runs", texted, 3, 20)}


def test_those_who_entered_in_the_nights_before_enter_from_now_on(shop: Retailer) -> None:
    [soon] = {row[1:] for row in stored(shop, "campaign_id, entrants_per_day, customer_count") if row[0] == "soon"}
    assert soon == (10, 310 + 27 * 10)


def test_effects_are_those_of_what_the_candidates_bought_before(shop: Retailer) -> None:
    rows = {
        row[1]: row[2:]
        for row in stored(shop, "campaign_id, metric, basis, expected_mean, detectable_effect")
        if row[0] == "soon"
    }
    bought = np.array([5 + n % 7 if n < RECENT or n >= PEOPLE else 0 for n in range(PEOPLE + 10)])
    basis = "tonight's candidates, in the 20 days before"
    mean = bought.mean()
    lift = detectable_lift(spread_of(bought), 580, 0.4)
    assert rows["revenue_per_customer"] == (basis, pytest.approx(mean), pytest.approx(lift * mean))
    rate = 210 / 310
    assert rows["buyer_rate"] == (basis, pytest.approx(rate), pytest.approx(detectable_difference(rate, 348, 232)))
    assert rows["margin_per_customer"] == (basis, None, None)


def test_cost_is_the_mean_of_the_channels_contacts_and_unknown_if_that_of_one_is(shop: Retailer) -> None:
    rows = {
        row[0]: row[2:]
        for row in stored(shop, "campaign_id, metric, break_even_effect, reason")
        if row[1] == "margin_per_customer"
    }
    assert rows["runs"][0] == pytest.approx(0.06)
    assert rows["soon"][0] is None
    assert "break_even_effect: no cost of a contact is on record in the last year: email" in rows["soon"][1]


def test_the_command_says_what_the_night_wrote(shop: Retailer) -> None:
    columns = (
        "campaign_id, metric, candidate_count, customer_count, expected_mean, detectable_effect, needed_days, reason"
    )
    found = plan(shop.settings, "soon")
    names = columns.split(", ")
    assert found.published == date.fromisoformat(SECOND)
    assert {tuple(row[name] for name in names) for row in found.rows.values()} == {
        row for row in stored(shop, columns) if row[0] == "soon"
    }


def test_of_many_customers_a_part_tells_what_they_buy(shop: Retailer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "SAMPLED_CUSTOMERS", 100)
    row = plan(shop.settings, "soon").rows["revenue_per_customer"]
    assert row["candidate_count"] == 310
    assert row["expected_mean"] == pytest.approx(5.3, abs=1.2)
    assert row["expected_mean"] != pytest.approx(sum(5 + n % 7 for n in range(RECENT)) / 310, rel=0.001)


def test_those_who_were_in_the_segments_before_tell_it_if_the_history_reaches_back(shop: Retailer) -> None:
    shop.settings.campaigns.write_text(f"campaigns:{SOON.replace('window_days: 20', 'window_days: 1')}")
    row = plan(shop.settings, "soon").rows["buyer_rate"]
    assert row["basis"] == "customers who were in its segments 1 day ago, in the days since"
    assert row["expected_mean"] == 0


def test_what_was_bought_is_unknown_where_the_data_begin_later(shop: Retailer) -> None:
    shop.settings.campaigns.write_text(f"campaigns:{SOON.replace('window_days: 20', 'window_days: 90')}")
    reasons = {row["reason"].partition("; ")[0] for row in plan(shop.settings, "soon").rows.values()}
    why = "what was bought in the 90 days before is unknown: the data begin on 2017-10-20"
    assert reasons == {f"detectable_effect: {why}"}


def test_the_command_prints_a_table_and_sentences(loyalty: Callable[..., Result]) -> None:
    done = loyalty("--campaign", "soon")
    assert done.exit_code == 0
    assert "310 customers could be written to at once, 40% of them control; 10.0 enter a day" in done.output
    assert "revenue per customer" in done.output
    assert "No smallest effect of margin per customer: margin unknown." in done.output
    assert "No break-even effect of margin per customer: no cost of a contact" in done.output
    assert "@example.org" not in done.output


def test_a_campaign_that_is_over_or_unknown_has_no_plan(shop: Retailer, loyalty: Callable[..., Result]) -> None:
    with pytest.raises(LoyaltyError, match="campaign over is over: ends_on is 2017-12-01"):
        plan(shop.settings, "over")
    done = loyalty("--campaign", "sooner")
    assert (done.exit_code, "'sooner' is no campaign" in done.output) == (1, True)


def test_a_home_without_a_night_has_no_plan(retailer: Retailer) -> None:
    with pytest.raises(LoyaltyError, match="no night is published"):
        plan(retailer.settings, "soon")

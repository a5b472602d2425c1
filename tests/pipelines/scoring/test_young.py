"""A shop that doubled in two months by poor newcomers: they are fitted apart in CLV, churn and the next order."""

from datetime import date, timedelta

import pytest
from conftest import Retailer, needed
from simulated_shops import HISTORY, simulated_shop

from pipelines.publishing.night_warnings import model_warnings
from pipelines.settings import load_settings

NIGHT = date(2025, 6, 30)
NEEDED = needed("customer_clv", "customer_churn", "customer_next_order")


@pytest.fixture(scope="module")
def doubled(tmp_path_factory):
    """The shop's home, its night and what its customers bought in the next 90 days."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOYALTY_HOME", str(tmp_path_factory.mktemp("young") / "home"))
        load_settings.cache_clear()
        retailer = Retailer(load_settings().home)
        shop = simulated_shop("doubled", 2, 900)
        rows = [
            f"r{n},c{row.customer},{NIGHT + timedelta(row.day - HISTORY + 1)},{row.amount:.2f}"
            for n, row in enumerate(shop.known.itertuples())
        ]
        receipts = "\n".join(["receipt_id,customer_id,issued_at,total_amount", *rows, ""])
        retailer.deliver(f"{NIGHT}", receipts=receipts)
        night = retailer.load(f"{NIGHT}", upto=("staging", "facts", "scores"), only=NEEDED)
        yield retailer, night, shop
    load_settings.cache_clear()


def test_young_customers_have_their_own_fits(doubled):
    retailer, night, _ = doubled
    components = {name for (name,) in retailer.rows(night, "clv_model", "component")}
    assert components == {"buying", "money", "spend", "total", "young"}
    assert {name for (name,) in retailer.rows(night, "next_order_model", "component")} == {"next_order", "young"}
    methods = [method for (method,) in retailer.rows(night, "customer_churn", "method")]
    assert methods.count("young_customers") > 300
    assert len(set(methods)) == 2


def test_the_night_says_so(doubled):
    retailer, night, _ = doubled
    found = {metric: (value, note) for metric, value, note in retailer.rows(night, "clv_fit", "metric, value, note")}
    value, note = found["young_ratio"]
    assert 0.2 < value < 0.8
    assert note.endswith("young customers buy unlike earlier ones: fitted apart")
    warnings = model_warnings(night.lake, night.lake.manifest(NIGHT))
    assert [text for text in warnings if text.startswith("model clv, young_ratio 0.")]


def test_their_total_and_that_of_all_are_held_and_what_is_expected_of_each_adds_up(doubled):
    retailer, night, shop = doubled
    found = dict(retailer.rows(night, "clv_forecast", "metric, value"))
    young = shop.known.groupby("customer")["day"].min() >= HISTORY - 63
    came_of_young = shop.coming["customer"].isin(young.index[young]).sum()
    for name, came in (("forecast_purchases", len(shop.coming)), ("forecast_purchases_young", came_of_young)):
        assert found[f"{name}_low"] < came < found[f"{name}_high"]
    money = shop.coming["amount"].sum()
    assert found["forecast_clv_low"] < 0.96 * money < found["forecast_clv_high"]  # discounted
    assert 0 < found["forecast_clv_ten_largest_share"] < 0.5
    purchases, clv = retailer.rows(night, "customer_clv", "SUM(expected_purchases), SUM(clv)")[0]
    assert purchases == pytest.approx(found["forecast_purchases"], rel=1e-5)
    assert clv == pytest.approx(found["forecast_clv"], abs=0.01)


def test_churn_of_the_young_is_about_what_came(doubled):
    retailer, night, shop = doubled
    bought = {f"c{c}" for c in shop.coming.loc[shop.coming["day"] < HISTORY + 90, "customer"]}
    rows = retailer.rows(night, "customer_churn", "customer_id, p_churn, reason_1, method")
    rows = [(customer, p, reason) for customer, p, reason, method in rows if method == "young_customers"]
    left = sum(customer not in bought for customer, _, _ in rows) / len(rows)
    assert sum(p for _, p, _ in rows) / len(rows) == pytest.approx(left, abs=0.1)
    assert {reason for _, _, reason in rows} == {None}

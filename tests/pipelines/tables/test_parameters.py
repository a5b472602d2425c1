"""The parameters of a night: what SQL knows of its date and settings."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelines.catalog import PARAMETERS
from pipelines.settings import Settings
from pipelines.tables.inputs import contract_of
from pipelines.tables.parameters import feature_dates, parameters

NIGHT = date(2024, 6, 30)


def test_the_parameters_are_those_that_the_catalog_leaves_out_of_what_a_table_reads():
    assert parameters(NIGHT, Settings()).keys() == PARAMETERS


def test_the_night_is_one_row_of_its_date_and_settings_as_its_contract_names_them():
    night = parameters(NIGHT, Settings(active_days=30, currency="EUR"))["night"]
    assert night.num_rows == 1
    row = night.to_pylist()[0]
    assert (row["run_date"], row["active_days"], row["currency"]) == (NIGHT, 30, "EUR")
    assert list(row) == [column.name for column in contract_of("night").columns]


def test_categories_of_gift_cards_are_each_there_once():
    settings = Settings(gift_card_categories=["b", "a", "b"])
    assert parameters(NIGHT, settings)["gift_card_category"].to_pylist() == [{"category": "a"}, {"category": "b"}]
    assert parameters(NIGHT, Settings())["gift_card_category"].num_rows == 0


@given(st.integers(0, 60), st.integers(1, 400), st.lists(st.dates(date(2000, 1, 1), date(2100, 1, 1)), max_size=5))
def test_a_label_is_decided_in_the_horizon_that_begins_after_the_lead(lead, horizon, days):
    settings = Settings(churn_lead_days=lead, churn_horizon_days=horizon)
    for day, row in zip(days, feature_dates(days, settings).to_pylist(), strict=True):
        assert row["as_of_date"] == day
        assert row["label_from_date"] - day == timedelta(lead + 1)
        assert (row["label_to_date"] - row["label_from_date"]).days + 1 == horizon

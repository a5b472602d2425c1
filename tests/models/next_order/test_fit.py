"""The fit of the next order: the published parameters, and data that allow none."""

import pandas as pd
import pytest
from lifetimes.datasets import load_cdnow_summary
from next_order_customers import POPULATION, bought_days, patterns_of

from models.next_order.fit import fit_next_order, regularity
from models.next_order.parameters import NextOrderParameters


def test_with_k_1_cdnow_gives_the_published_parameters_of_mbg_nbd():
    """Batislam, Denizel and Filiztekin 2007."""
    cdnow = load_cdnow_summary().rename(columns={"recency": "recency_days", "T": "age_days"})
    fit = fit_next_order(cdnow.assign(customer_count=1), k=1.0, rounding=0.0)
    found = fit.parameters
    assert (found.r, found.alpha) == pytest.approx((0.525, 6.183), abs=0.0005)
    assert (found.a, found.b) == pytest.approx((0.891, 1.614), abs=0.0005)
    assert fit.log_likelihood == pytest.approx(-9582.1, abs=0.5)
    assert (fit.customers, fit.repeat_customers) == (2357, 946)


@pytest.mark.parametrize(("k", "bounds"), [(1.0, (0.9, 1.2)), (2.0, (1.7, 2.2)), (6.0, (5.0, 6.6))])
def test_regularity_is_found_whatever_the_customers_rates(k, bounds):
    _, intervals, _ = patterns_of(bought_days(1500, k=k, seed=11))
    assert bounds[0] < regularity(intervals) < bounds[1]


def test_interval_counts_stand_for_as_many_intervals(simulated):
    _, intervals, _ = simulated
    some = intervals.head(5000)
    grouped = some.groupby(["customer_id", "interval_days"], as_index=False)["interval_count"].sum()
    assert regularity(grouped) == pytest.approx(regularity(some))


def test_customers_and_order_of_rows_are_without_effect(simulated):
    patterns, intervals, _ = simulated
    some = patterns.head(400)
    k = regularity(intervals)
    grouped = some.groupby(["frequency", "recency_days", "age_days"], as_index=False)["customer_count"].sum()
    shuffled = fit_next_order(some.sample(frac=1, random_state=5), k)
    assert shuffled == fit_next_order(some, k) == fit_next_order(grouped, k)


def test_too_few_repeat_buyers_are_refused_with_the_reason():
    patterns = pd.DataFrame({"frequency": [0, 1], "recency_days": [0, 5], "age_days": [9, 9], "customer_count": [7, 2]})
    fit = fit_next_order(patterns, None)
    assert fit.parameters is None
    assert fit.note.startswith("no model of the next order: 2 of 9 customers bought again; 30 ")
    assert fit.quality() == [("customers", 9.0, fit.note)]


def test_no_customers_are_refused_and_have_no_regularity():
    nobody = pd.DataFrame(columns=["customer_id", "interval_days", "interval_count"], dtype=float)
    assert regularity(nobody) is None
    none = pd.DataFrame(columns=["frequency", "recency_days", "age_days", "customer_count"], dtype=float)
    assert fit_next_order(none, None).customers == 0


@pytest.mark.parametrize("row", [(2, 1, 9), (1, 5, 4), (-1, 0, 4)])
def test_a_pattern_that_cannot_be_is_refused(row):
    patterns = pd.DataFrame([(*row, 1)], columns=["frequency", "recency_days", "age_days", "customer_count"])
    with pytest.raises(ValueError, match="can't be"):
        fit_next_order(patterns, 1.0)


def test_parameters_are_kept_as_json():
    assert NextOrderParameters.from_json(POPULATION.to_json()) == POPULATION
    with pytest.raises(ValueError, match="not a set of parameters"):
        NextOrderParameters.from_json('{"k": 1, "r": 1, "alpha": -1, "a": 1, "b": 1}')

"""Scores of spend growth: the same in batches and in any unit."""

import numpy as np
import pytest
from spend_customers import HORIZON, spends

from models.spend_growth.fit import fit_spend_growth
from models.spend_growth.score import score_spend_growth


def test_what_came_after_the_cut_off_is_no_feature(fit):
    frame = spends(50, 7)
    assert (score_spend_growth(fit.model, frame.assign(spend_next=1e9)) == score_spend_growth(fit.model, frame)).all()


def test_scores_are_the_same_in_batches_and_whatever_the_units(fit):
    frame = spends(500, 9)
    whole = score_spend_growth(fit.model, frame)
    parts = [score_spend_growth(fit.model, frame.iloc[n : n + 130]) for n in range(0, len(frame), 130)]
    assert (np.concatenate(parts) == whole).all()
    assert whole.min() >= 0.001
    assert whole.max() <= 0.999
    money = ["spend_365d", "spend_last", "spend_before", "spend_next", "spend_last_complete"]
    train, test, scored = (
        f.assign(**{name: f[name] * 100 for name in money}) for f in (spends(900, 1), spends(900, 2), frame)
    )
    cents = score_spend_growth(fit_spend_growth(train, test, HORIZON).model, scored)
    units = score_spend_growth(fit_spend_growth(spends(900, 1), spends(900, 2), HORIZON).model, frame)
    assert cents == pytest.approx(units, abs=1e-4)


def test_net_returns_count_as_no_spend(fit):
    frame = spends(20, 10)
    returned = frame.assign(spend_last=-50.0)
    assert (
        score_spend_growth(fit.model, returned) == score_spend_growth(fit.model, frame.assign(spend_last=0.0))
    ).all()

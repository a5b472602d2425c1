"""What drift of spend growth is measured on."""

import pandas as pd
from spend_customers import spends

from models.evaluation.drift import bin_counts, stability_index
from models.spend_growth.drift import drift_columns
from models.spend_growth.features import INPUTS
from models.spend_growth.score import score_spend_growth


def test_drift_is_watched_on_what_the_features_are_made_of_and_the_score(fit):
    assert list(fit.model.bins) == [*INPUTS, "score"]

    def indices(customers: pd.DataFrame) -> dict[str, float | None]:
        values = drift_columns(customers, score_spend_growth(fit.model, customers))
        return {
            name: stability_index(fit.model.bins[name], bin_counts(fit.model.bins[name], column))
            for name, column in values.items()
        }

    assert max(indices(spends(4000, 2)).values()) == 0  # those that the bins were made of
    assert max(indices(spends(4000, 11)).values()) < 0.1
    moved = indices(spends(4000, 11).assign(spend_last=lambda frame: frame["spend_last"] * 3))
    assert moved["spend_last"] > 0.25
    assert moved["score"] > 0.1
    assert moved["spend_before"] < 0.1
    assert set(indices(spends(100, 1)).values()) == {None}

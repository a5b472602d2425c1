"""What drift of churn is measured on."""

from models.churn.drift import drift_columns
from models.churn.score import score_churn


def test_drift_is_watched_on_the_active_over_the_bins_of_the_last_cut_off(fit, later):
    active = int(later["is_active"].sum())
    columns = drift_columns(fit.model, later, score_churn(fit.model, later)[1])
    assert columns.keys() == {*fit.model.published.features, "score"} == fit.model.bins.keys()
    assert {len(values) for values in columns.values()} == {active}

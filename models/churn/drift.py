"""What drift of churn is measured on: the features, and the scores before they are moved to their season."""

from models.churn.model import ChurnModel
from models.churn.score import with_model_features
from models.columns import as_table, booleans, floats
from models.types import Floats, Rows


def drift_columns(model: ChurnModel, features: Rows, unadjusted: Floats) -> dict[str, Floats]:
    """By the name of its bins, each feature and the score of the active customers.

    Args:
        model: that gave the scores.
        features: of all customers, as given to score_churn.
        unadjusted: the scores before they were moved to their season, which is no drift.
    """
    table = with_model_features(model, as_table(features))
    active = booleans(table["is_active"].fill_null(False))
    columns = {name: floats(table[name])[active] for name in model.bins if name in table.column_names}
    return columns | {"score": unadjusted[active]}

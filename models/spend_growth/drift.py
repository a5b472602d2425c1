"""What drift of spend growth is measured on: what is known of customers, and their probability."""

import pandas as pd

from models.spend_growth.features import INPUTS
from models.types import Floats


def drift_columns(customers: pd.DataFrame, p_spend_more: Floats) -> dict[str, Floats]:
    """By the name of its bins, each input and the probability of all customers."""
    return {**{name: customers[name].to_numpy(dtype=float) for name in INPUTS}, "score": p_spend_more}

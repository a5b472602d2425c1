"""Where the margin of campaigns' arms counts as known."""

from typing import Any

import numpy as np

# Margin is known where cost covers so much of revenue in each arm, and nearly as much in both.
COSTED, _COSTED_APART = 0.98, 0.01


def covered(revenue: Any, uncosted: Any) -> Any:
    """Share of revenue whose cost is known; 1 without revenue whose cost isn't, 0 if that is all there is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 1 - np.abs(uncosted) / np.abs(revenue)
    return np.where(np.asarray(uncosted) == 0, 1.0, np.where(np.isfinite(share), np.maximum(share, 0), 0.0))


def is_margin_known(revenue_t: Any, revenue_c: Any, uncosted_t: Any, uncosted_c: Any) -> Any:
    """Whether cost covers so much of the revenue of both arms, treated and control, and nearly as much in both."""
    treated, control = covered(revenue_t, uncosted_t), covered(revenue_c, uncosted_c)
    return (np.minimum(treated, control) >= COSTED) & (np.abs(treated - control) < _COSTED_APART)

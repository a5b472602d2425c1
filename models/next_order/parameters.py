"""The parameters of the next order, as they are fitted, kept (as JSON) and scored with."""

import json
from dataclasses import asdict, dataclass

import numpy as np

from models.types import QualityRow

COVERAGE = 0.8


# Customers less likely than this to order again get no date, as any would more likely be wrong than right.
PRESUMED_GONE = 0.5


# Nothing is known of what lies further ahead; where few buy often, some intervals would reach thousands of years.
FURTHEST_DAYS = 3_650


HALF_A_DAY = 0.5


# An interval's distribution is tabulated at these log-odds: from one in ten million to less than one in 10^12.
LOG_ODDS = np.linspace(16.0, -28.0, 353)


@dataclass(frozen=True)
class NextOrderParameters:
    """How a population buys and leaves; alpha in days, the rest without a unit.

    base_rate: p_order_again of everybody, as the forecast has shown no skill; None: it has.
    """

    k: float
    r: float
    alpha: float
    a: float
    b: float
    base_rate: float | None = None

    @property
    def values(self) -> dict[str, float]:
        """What the model is made of, by name."""
        return {name: value for name, value in asdict(self).items() if name != "base_rate"}

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "NextOrderParameters":
        """The parameters that to_json wrote.

        Raises:
            ValueError: a parameter is not a positive number.
        """
        parameters = cls(**json.loads(text))
        if not all(np.isfinite(value) and value > 0 for value in parameters.values.values()):
            raise ValueError(f"not a set of parameters: {parameters}")
        return parameters

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality."""
        return [(name, value, "parameter of MBG/CNBD-k") for name, value in self.values.items()]

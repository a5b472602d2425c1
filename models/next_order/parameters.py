"""Parameters of the next order's model."""

import json
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


QualityRow = tuple[str, float | None, str]


COVERAGE = 0.8


# Less likely than this to order again: no date is named, as any would more likely be wrong than right.
PRESUMED_GONE = 0.5


# Of what lies further ahead nothing is known; where few buy often, single intervals would reach thousands of years.
FURTHEST_DAYS = 3_650


HALF_A_DAY = 0.5


# Log-odds between which an interval's distribution is tabulated: from one in ten million to less than one in 10^12.
LOG_ODDS = np.linspace(16.0, -28.0, 353)


@dataclass(frozen=True)
class NextOrderParameters:
    """How a population buys and leaves; alpha in days, the rest without a unit."""

    k: float
    r: float
    alpha: float
    a: float
    b: float

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "NextOrderParameters":
        """The parameters that to_json wrote.

        Raises:
            ValueError: a parameter is not a positive number.
        """
        parameters = cls(**json.loads(text))
        if not all(np.isfinite(value) and value > 0 for value in asdict(parameters).values()):
            raise ValueError(f"not a set of parameters: {parameters}")
        return parameters

    def quality(self) -> list[QualityRow]:
        """(metric, value, note) for model_quality."""
        return [(name, value, "parameter of MBG/CNBD-k") for name, value in asdict(self).items()]

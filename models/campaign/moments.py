"""Means, variances and third moments of campaigns' arms from exact sums, as they are or adjusted for the pre-period.

Source: Deng, Xu, Kohavi and Walker 2013 (CUPED): a value less slope x what the customer did before the assignment has
the same difference between randomly drawn arms, and less variance.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

import numpy as np
import numpy.typing as npt
import pandas as pd

from models.campaign.difference import Arm
from models.types import Booleans, Floats

# v: value in the window; p: value in the pre-period; t: tenure.
_LETTERS = "vpt"
_PRODUCTS = ["".join(letters) for power in (1, 2, 3) for letters in combinations_with_replacement(_LETTERS, power)]

# Adjusting pays from this share of variance that the pre-period explains, and its slope is known from so many controls.
LEAST_EXPLAINED = 0.02
LEAST_CONTROLS = 100

# Of a variance, relative to the mean square: less is what rounding leaves of none.
_ROUNDING = 16 * float(np.finfo(np.longdouble).eps)

# Digits matter: moments about the mean are small differences of large sums.
_Exact = npt.NDArray[np.longdouble]


@dataclass(frozen=True)
class Moments:
    """Of groups of customers (an arm in a stratum), about their own mean: n, means, and moments of (v, p, t).

    Attributes:
        n: Customers, by group.
        mean: Groups x 3.
        second: Groups x 3 x 3, divided by n.
        third: Groups x 3 x 3 x 3, divided by n.
    """

    n: Floats
    mean: Floats
    second: Floats
    third: Floats

    @classmethod
    def of(cls, outcomes: pd.DataFrame) -> "Moments":
        """Moments of the rows of campaign_outcome, in their order; NaN without customers."""
        n = outcomes["customers"].to_numpy(float)
        count = np.where(n > 0, n, np.nan).astype(np.longdouble)
        means = {name: _exact(outcomes[f"sum_{name}"]) / count for name in _PRODUCTS}

        def e(*places: int) -> _Exact:
            return means["".join(sorted((_LETTERS[i] for i in places), key=_LETTERS.index))]

        of_three = range(3)
        second = [[e(i, j) - e(i) * e(j) for j in of_three] for i in of_three]
        third = [
            [
                [
                    e(i, j, k) - e(i) * e(j, k) - e(j) * e(i, k) - e(k) * e(i, j) + 2 * e(i) * e(j) * e(k)
                    for k in of_three
                ]
                for j in of_three
            ]
            for i in of_three
        ]
        for i in of_three:
            second[i][i] = np.where(second[i][i] <= _ROUNDING * e(i, i), 0, second[i][i])
            third[i][i][i] = np.where(second[i][i] == 0, 0, third[i][i][i])
        return cls(n, _floats([e(i) for i in of_three]), _floats(second), _floats(third))

    @cached_property
    def without(self) -> Booleans:
        """Whether a group has no customers."""
        return ~(self.n > 0)

    def combined(self, coefficients: Floats) -> tuple[Floats, Floats, Floats]:
        """Mean, second and third moment of coefficients (groups x 3) times (v, p, t); 0 in groups without customers."""
        mean = np.einsum("gi,gi->g", coefficients, self.mean)
        second = np.einsum("gi,gj,gij->g", coefficients, coefficients, self.second)
        third = np.einsum("gi,gj,gk,gijk->g", coefficients, coefficients, coefficients, self.third)
        mean, second, third = (np.where(self.without, 0.0, values) for values in (mean, second, third))
        return mean, np.maximum(second, 0.0), third


def _exact(column: pd.Series) -> _Exact:
    """Decimals with all their digits."""
    return np.array([np.longdouble("nan" if pd.isna(value) else str(value)) for value in column], np.longdouble)


def _floats(values: list) -> Floats:  # type: ignore[type-arg]
    """Nested lists of values by group as an array, the groups first."""
    return np.moveaxis(np.asarray(values, np.longdouble), -1, 0).astype(float)


@dataclass(frozen=True)
class Slopes:
    """How a value goes with the pre-period and the tenure, the same in all arms of a comparison.

    Attributes:
        pre: Slope on the value in the pre-period, by set of groups.
        tenure: Slope on the days of tenure.
        explained: Share of the variance within groups that both explain; 0 where there is nothing to go by.
    """

    pre: Floats
    tenure: Floats
    explained: Floats

    @classmethod
    def of(cls, moments: Moments, sets: npt.NDArray[np.intp], set_count: int) -> "Slopes":
        """Least squares within groups: a group's own mean tells nothing of the slope.

        Args:
            moments: Of the groups.
            sets: Which set each group belongs to.
            set_count: How many sets there are.
        """
        within = np.zeros((set_count, 3, 3))
        np.add.at(within, sets, np.where(moments.without[:, None, None], 0, moments.n[:, None, None] * moments.second))
        vv, vp, vt, pp, pt, tt = (within[:, i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))
        determinant = pp * tt - pt**2
        with np.errstate(divide="ignore", invalid="ignore"):
            is_both = determinant > 1e-9 * pp * tt
            pre = np.where(is_both, (vp * tt - vt * pt) / determinant, np.where(pp > 0, vp / pp, 0.0))
            tenure = np.where(is_both, (vt * pp - vp * pt) / determinant, np.where(pp > 0, 0.0, vt / tt))
            tenure = np.where(np.isfinite(tenure), tenure, 0.0)
            explained = np.where(vv > 0, (pre * vp + tenure * vt) / vv, 0.0)
        return cls(pre, tenure, explained)

    def coefficients(self, is_adjusted: Booleans) -> Floats:
        """Sets x 3: what to combine (v, p, t) with, so that the value is adjusted where it should be."""
        slopes = np.column_stack([np.ones(len(self.pre)), -self.pre, -self.tenure])
        return np.where(is_adjusted[:, None], slopes, [1.0, 0.0, 0.0])


def arms(moments: Moments, coefficients: Floats, places: npt.NDArray[np.intp], level_of: int = 0) -> Arm:
    """One arm of comparisons.

    Args:
        moments: Of all groups.
        coefficients: By group, what to combine (v, p, t) with.
        places: Comparisons x strata, the group that stands there; -1: none.
        level_of: Whose mean is the arm's level, of (v, p, t).
    """
    mean, second, third = moments.combined(coefficients)

    def at(values: Floats) -> Floats:
        return np.where(places >= 0, values[places], 0.0)

    level = np.where(moments.without, 0.0, moments.mean[:, level_of])
    return Arm(at(moments.n), at(mean), at(second), at(third), at(level))

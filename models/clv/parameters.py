"""The parameters of CLV, as they are fitted, kept (as JSON) and scored with.

Sources: as for models.clv.fit, which finds them.
"""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias, TypeVar, get_args

import autograd.numpy as anp
import numpy as np
from autograd.scipy.special import gammaln
from lifetimes import BetaGeoFitter, ModifiedBetaGeoFitter

from models.types import Floats, QualityRow

P = TypeVar("P")


BuyingModel = Literal["mbg/nbd", "bg/nbd", "pareto/nbd"]


Method = Literal["fitted", "penalised", "last_good", "none"]


Covariance = tuple[tuple[float, ...], ...]


Values = tuple[float, float, float, float]


Bounds = tuple[Values, Values]


# If the days of all customers vary more than this (squared coefficient of variation), CLV has no interval: a few huge
# days decide what is measured.
MAX_VARIATION = 10.0


# Up to this (a standard deviation of 1 % of the mean) all spend the same: one price, and roundings of it.
SAME_VARIATION = 1e-4


_POPULATION_MEAN = "expected of a one-time buyer"


class ParetoFitter(BetaGeoFitter):  # type: ignore[misc]
    """Pareto/NBD (s and beta under the names a and b), fitted by gradient like the two others of lifetimes.

    lifetimes' own ParetoNBDFitter searches without a gradient, gives no standard errors, and has no value where s and
    beta are large. Its fit, without rescaling, is matched to many digits.
    """

    def fit(self, *args: Any, **kwargs: Any) -> "ParetoFitter":
        super().fit(*args, **kwargs)
        self.params_["b"] /= self._scale  # a time, as alpha is
        return self

    @staticmethod
    def _negative_log_likelihood(
        log_params: Floats,
        freq: Floats,
        rec: Floats,
        age: Floats,
        weights: Floats,
        penalizer_coef: float,
    ) -> Any:
        r, alpha, s, beta = params = anp.exp(log_params)
        here, gone = _pareto_paths(params, freq, rec, age)
        bought = gammaln(r + freq) - gammaln(r) - r * anp.log1p(rec / alpha) - freq * anp.log(alpha + rec)
        log_likelihood = bought - s * anp.log1p(rec / beta) + anp.log(here + gone)
        return -(weights * log_likelihood).sum() / weights.sum() + penalizer_coef * (params**2).sum()

    def conditional_probability_alive(self, frequency: Floats, recency: Floats, age: Floats) -> Floats:
        """Probability that a customer with this history has not left, one per customer."""
        here, gone = _pareto_paths(tuple(self.params_), frequency, recency, age)
        return np.asarray(here / (here + gone), dtype=float)


_NAMES = {
    "mbg/nbd": ("r", "alpha", "a", "b"),
    "bg/nbd": ("r", "alpha", "a", "b"),
    "pareto/nbd": ("r", "alpha", "s", "beta"),
}


FITTERS = {"mbg/nbd": ModifiedBetaGeoFitter, "bg/nbd": BetaGeoFitter, "pareto/nbd": ParetoFitter}


@dataclass(frozen=True)
class ClvParameters:
    """How a population buys and leaves; alpha (and beta of Pareto/NBD) in days.

    r, alpha: buying rates a day are Gamma(r, alpha). a, b: the chance to leave after a purchase is Beta(a, b); for
    Pareto/NBD they hold s and beta: the rates of leaving a day are Gamma(s, beta).
    covariance: of the logarithms of r, alpha, a and b as they were estimated; None if unknown.
    bounds: of the parameters that the data allow (95 % profile likelihood), those with which fewest and most purchases
    are expected of all customers together; None if unknown.
    alive: parameters of p_alive where this model has none to publish (BG/NBD: one-time buyers never leave).
    rivals: other models that the data allow too; weight: a rival's likelihood relative to that of the model in
    use, at most 1.
    held_out_error: how far the model's forecast of the holdout was off, on the log scale, beyond its own interval; None
    if that is unknown.
    """

    model: BuyingModel
    r: float
    alpha: float
    a: float
    b: float
    covariance: Covariance | None = None
    bounds: Bounds | None = None
    alive: "ClvParameters | None" = None
    rivals: tuple["ClvParameters", ...] = ()
    weight: float = 1.0
    held_out_error: float | None = None

    @property
    def values(self) -> Values:
        return (self.r, self.alpha, self.a, self.b)

    def quality(self, method: Method) -> list[QualityRow]:
        """(metric, value, note) for model_quality; method: how the parameters were found."""
        error = self.held_out_error
        note = "of a forecast of the last part of the history, log scale, beyond its interval; it widens the total's"
        if error is None:
            note = "unknown: no part of the history could be held back"
        return [
            ("buying_model", None, self.model),
            *_parameter_rows(_NAMES[self.model], self, method),
            ("held_out_error", None if error is None else round(error, 6), note),
        ]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ClvParameters":
        """The parameters that to_json wrote.

        Raises:
            ValueError: another model's name, or a parameter that is not a positive number.
        """
        fields = json.loads(text)
        alive = fields.get("alive")
        nested = {
            "covariance": as_covariance(fields.get("covariance")),
            "bounds": as_covariance(fields.get("bounds")),
            "alive": cls.from_json(json.dumps(alive)) if alive else None,
            "rivals": tuple(cls.from_json(json.dumps(rival)) for rival in fields.get("rivals", ())),
        }
        parameters = cls(**fields | nested)
        if parameters.model not in get_args(BuyingModel):
            raise ValueError(f"unknown buying model {parameters.model!r}")
        return checked(parameters, parameters.values)


@dataclass(frozen=True)
class SpendParameters:
    """What purchase days bring: a day's spend is Gamma(p, w), w differs by customer as Gamma(q, v); v is money.

    covariance: of the logarithms of p, q and v as they were estimated; None if unknown.
    """

    p: float
    q: float
    v: float
    covariance: Covariance | None = None

    @property
    def values(self) -> tuple[float, float, float]:
        return (self.p, self.q, self.v)

    @property
    def population_mean(self) -> float:
        """Expected net spend on a purchase day of a customer without history."""
        return self.p * self.v / (self.q - 1)

    @property
    def credibility_days(self) -> float:
        """With so many later purchase days a customer's own mean counts as much as the population's."""
        return (self.q - 1) / self.p

    @property
    def day_variation(self) -> float:
        """Squared coefficient of variation of a customer's days."""
        return 1 / self.p

    @property
    def unknown_interval(self) -> None:
        """CLV has an interval."""
        return None

    def mean_shape(self, frequency: Floats) -> Floats:
        """Shape of the gamma that the inverse of a customer's mean has, given so many later purchase days."""
        return self.q + self.p * frequency

    def quality(self, method: Method) -> list[QualityRow]:
        """(metric, value, note) for model_quality; method: how the parameters were found."""
        return [
            ("spend_model", None, "gamma-gamma"),
            *_parameter_rows(("p", "q", "v"), self, method),
            ("population_mean_spend", self.population_mean, _POPULATION_MEAN),
        ]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SpendParameters":
        """The parameters that to_json wrote.

        Raises:
            ValueError: a parameter is not a positive number.
        """
        fields = json.loads(text)
        parameters = cls(**fields | {"covariance": as_covariance(fields.get("covariance"))})
        return checked(parameters, parameters.values)


@dataclass(frozen=True)
class SpendMoments:
    """What purchase days bring where Gamma-Gamma has no fit: mean and spread, as models.clv.credibility finds them.

    In the terms of Gamma-Gamma day_variation is 1 / p and customer_variation 1 / (q - 2); here both may be 0.

    mean: expected net spend on a purchase day of a customer without history.
    day_variation: squared coefficient of variation of a customer's days about their own mean.
    customer_variation: squared coefficient of variation of the customers' own means.
    reason: why it is not Gamma-Gamma.
    unknown_interval: why CLV has no interval; None: it has one.
    """

    mean: float
    day_variation: float
    customer_variation: float
    reason: str
    unknown_interval: str | None = None

    @property
    def population_mean(self) -> float:
        """Expected net spend on a purchase day of a customer without history."""
        return self.mean

    @property
    def total_variation(self) -> float:
        """Squared coefficient of variation of the days of all customers, each of whom counts alike."""
        return (1 + self.day_variation) * (1 + self.customer_variation) - 1

    @property
    def is_the_same(self) -> bool:
        """All customers spend the same."""
        return self.total_variation <= SAME_VARIATION

    @property
    def credibility_days(self) -> float:
        """As of SpendParameters; infinite where customers do not differ."""
        between = self.customer_variation
        return self.day_variation * (1 + between) / between if between else np.inf

    def mean_shape(self, frequency: Floats) -> Floats:
        """As of SpendParameters; infinite where the customer's mean is certain."""
        between = 2 + 1 / self.customer_variation if self.customer_variation else np.inf
        known = np.where(frequency > 0, np.inf, 0.0) if self.day_variation == 0 else frequency / self.day_variation
        return np.asarray(between + known)

    @property
    def note(self) -> str:
        """Why it is not Gamma-Gamma, and why CLV has no interval."""
        return self.reason + (f"; clv has no interval: {self.unknown_interval}" if self.unknown_interval else "")

    def quality(self, method: Method) -> list[QualityRow]:
        """(metric, value, note) for model_quality; method: how the parameters were found."""
        return [
            ("spend_model", None, self.note),
            ("spend_day_variation", self.day_variation, f"{method}; of a customer's days, (deviation / mean)^2"),
            ("spend_customer_variation", self.customer_variation, f"{method}; of the customers' own means"),
            ("population_mean_spend", self.mean, _POPULATION_MEAN),
        ]

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "SpendMoments":
        """The parameters that to_json wrote.

        Raises:
            ValueError: a mean that is not a positive number, a variation below 0.
        """
        parameters = cls(**json.loads(text))
        if not min(parameters.day_variation, parameters.customer_variation) >= 0:
            raise ValueError(f"not a set of parameters: {parameters}")
        return checked(parameters, (parameters.mean, 1 + parameters.total_variation))


Spend: TypeAlias = SpendParameters | SpendMoments


def spend_from_json(text: str) -> Spend:
    """Parameters of spend of either kind, as their to_json wrote them.

    Raises:
        ValueError: they are none.
    """
    return (SpendMoments if "mean" in json.loads(text) else SpendParameters).from_json(text)


def _pareto_paths(values: Any, x: Floats, recency: Floats, age: Floats) -> tuple[Any, Any]:
    """Likelihood that a customer, last seen at recency, is there still, and that they left since, in like units.

    The second is the integral of s / (beta + t) ((alpha + recency) / (alpha + t))^(r + x)
    ((beta + recency) / (beta + t))^s over t from recency to age, by Gauss-Legendre points in log(t - recency + unit),
    where unit is the time in which the integrand falls off at first. Source: Fader and Hardie 2005, equation 18 of
    brucehardie.com/notes/009, where it is a difference of two 2F1. In autograd's numpy, for the gradient of the fit.
    """
    r, alpha, s, beta = values
    a, b, span = alpha + recency, beta + recency, age - recency
    unit = 1 / ((r + x) / a + (s + 1) / b)
    points, weights = np.polynomial.legendre.leggauss(16)
    width = anp.log1p(span / unit)
    grown = anp.exp(anp.outer(width, (points + 1) / 2))
    past = unit[:, None] * (grown - 1)
    density = anp.exp(-(r + x)[:, None] * anp.log1p(past / a[:, None]) - (s + 1) * anp.log1p(past / b[:, None]))
    gone = s / b * unit * width * anp.dot(grown * density, weights / 2)
    here = anp.exp(-(r + x) * anp.log1p(span / a) - s * anp.log1p(span / b))
    return here, gone


def checked(parameters: P, values: tuple[float, ...]) -> P:
    """The parameters, if all their values are positive numbers.

    Raises:
        ValueError: one is not.
    """
    if not all(np.isfinite(value) and value > 0 for value in values):
        raise ValueError(f"not a set of parameters: {parameters}")
    return parameters


def _parameter_rows(
    names: tuple[str, ...], parameters: ClvParameters | SpendParameters, method: Method
) -> list[QualityRow]:
    rows: list[QualityRow] = list(zip(names, parameters.values, [method] * len(names), strict=True))
    if parameters.covariance is not None:
        errors = np.array(parameters.values) * np.sqrt(np.diag(parameters.covariance))
        rows += [(f"{name}_standard_error", float(e), method) for name, e in zip(names, errors, strict=True)]
    return rows


def as_covariance(matrix: Any) -> Any:
    """A matrix of lists, as JSON has it, as a Covariance; None as None."""
    return None if matrix is None else tuple(tuple(row) for row in matrix)

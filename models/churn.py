"""Churn: the probability that a customer buys nothing in the horizon after a cut-off.

Three methods compete: calibrated gradient boosting, and two baselines of one column each (days since the last order,
p_alive). They learn on the customers of several cut-offs and are judged on the active of a later one, as they will be
used: the world drifts between cut-offs, so a random split would flatter them. Who has long gone needs no forecast.

The rule. Whose AUC is more than .01 below the better baseline's can't win a fit. Boosting wins if its squared error is
below that of either baseline beyond chance (paired bootstrap, 95 %), else the baseline with the lower squared error
does. The winner of the first fit is published; after that another method is published once it has won three fits in a
row. The recipe that was judged learns again with the last cut-off: what is published knows the latest outcomes.

A forecast is moved to its season (models.season), the judged one by what was known at the last cut-off.
"""

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib.metadata import version
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from models.clv_model import ClvParameters
from models.clv_score import alive_probability
from models.compare import LossDifference, paired_bootstrap
from models.drift import Bins, fixed_bins
from models.probability import auc, calibration_by_decile, fit_logistic, measures, no_deciles
from models.reasons import Effects, fit_effects, floats, reasons
from models.season import Outcomes, Season

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Features: TypeAlias = pa.Table | pd.DataFrame
QualityRow = tuple[str, float | None, str]
# The simplest first: of equals it wins.
Method = Literal["days_since_last_order", "p_alive", "gradient_boosting"]

NOT_FEATURES = (
    *("customer_id", "as_of_date", "run_date", "is_active"),
    *("has_churned", "spend_next", "spend_last_complete"),  # what came later
    *("order_day_count_365d", "spend_last", "spend_before"),  # growth's; churn has as much in other windows
)
BASELINES: tuple[Method, ...] = ("days_since_last_order", "p_alive")
# Ten of the rarer outcome for each of a baseline's two parameters (Peduzzi et al. 1996).
MIN_OF_EACH_CLASS = 20
ISOTONIC_FROM = 2_000
CURVE_ISOTONIC_FROM = 500
MAX_TRAINING_ROWS = 60_000
BATCH_ROWS = 100_000
TIERS = ((0.6, "high"), (0.3, "medium"), (0.0, "low"))
WINS_TO_SWITCH = 3
AUC_MARGIN = 0.01
# A feature that tells the outcome almost by itself knows the future.
LEAK_AUC = 0.98
LEAK_ROWS = 10_000

# What an artefact may hold beyond numbers, text and the estimators that skops trusts by itself.
_TRUSTED = [
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
]
_LIBRARIES = ("lifetimes", "numpy", "pyarrow", "scikit-learn", "skops")


@dataclass(frozen=True)
class Curve:
    """A probability by one number: straight lines between points, level beyond the first and the last."""

    x: tuple[float, ...]
    p: tuple[float, ...]


@dataclass(frozen=True)
class Scorer:
    """Probabilities from features, in the order that the estimator takes them; shift is added to their log-odds."""

    features: tuple[str, ...]
    estimator: CalibratedClassifierCV | Curve
    shift: float = 0.0


@dataclass(frozen=True)
class Standing:
    """Which method is published, and the other one that has won the last fits in a row, if there is one."""

    published: Method
    challenger: Method | None = None
    wins: int = 0

    def after(self, winner: Method) -> "Standing":
        """The standing after one more fit: a challenger takes over with its third win in a row."""
        if winner == self.published:
            return Standing(winner)
        wins = self.wins + 1 if winner == self.challenger else 1
        return Standing(winner) if wins >= WINS_TO_SWITCH else Standing(self.published, winner, wins)


@dataclass(frozen=True)
class ChurnModel:
    """What scores a night, and all that is needed to judge, explain and watch it later.

    Attributes:
        method: which of the three.
        published: learnt on all cut-offs; gives the probabilities.
        judged: the same recipe learnt without the last cut-off; what a later fit is compared with.
        buying: parameters of p_alive as of the night of the fit, None if it is not used.
        effects: of the features, for reasons.
        bins: of each feature and the score (named score), over the active of the last cut-off.
        question: settings that say what is forecast; models of different questions are not compared.
        training: first and last cut-off, rows, fingerprint of the data, versions of the libraries.
        standing: who won the last fits.
    """

    method: Method
    published: Scorer
    judged: Scorer
    buying: ClvParameters | None
    effects: Effects
    bins: dict[str, Bins]
    question: dict[str, Any]
    training: dict[str, Any]
    standing: Standing


@dataclass(frozen=True)
class ChurnFit:
    """What was learnt and how good it is.

    Attributes:
        model: what to publish; None: refused, and the note says why.
        quality: (metric, value, note) for model_quality of the published model, which may be an earlier one; judged on
            the active customers of the last cut-off.
        of_fit: the same of what was learnt now: who won, how it compares with the baselines and the last model, and
            with a method's name behind the metric how each method does alone.
        calibration: one row per decile of risk (1 the highest; equal scores share one): decile, customers, predicted
            and actual share of churned, standard_error of the actual share.
        note: in a marketer's words.
    """

    model: ChurnModel | None
    quality: list[QualityRow]
    of_fit: list[QualityRow]
    calibration: pd.DataFrame
    note: str

    @property
    def method(self) -> str:
        """Of customer_churn; none: there is no forecast."""
        return self.model.method if self.model else "none"


@dataclass(frozen=True)
class _Sample:
    """Labelled customers of some cut-offs, in a stable order that is random to everything else."""

    table: pa.Table

    @property
    def churned(self) -> Booleans:
        return _booleans(self.table["has_churned"])

    @property
    def active(self) -> Booleans:
        return _booleans(self.table["is_active"].fill_null(False))

    @property
    def date(self) -> Any:
        """The cut-off, of a sample of one."""
        return self.table["as_of_date"][0].as_py()

    def only(self, rows: Booleans) -> "_Sample":
        return _Sample(self.table.filter(pa.array(rows)))

    def of(self, *dates: Any) -> "_Sample":
        column = self.table["as_of_date"]
        return _Sample(self.table.filter(pc.is_in(column, pa.array(dates, column.type))))

    def column(self, name: str) -> Floats:
        return floats(self.table[name])

    def least_of_a_class(self) -> int:
        """Active customers in the rarer of the two classes."""
        labels = self.churned[self.active]
        return int(min(labels.sum(), (~labels).sum()))


def with_p_alive(features: Features, buying: ClvParameters | None) -> pa.Table:
    """The table with a column p_alive: the probability that a customer has not left for good; none without parameters.

    Worked out from days with an order up to the cut-off; the parameters must be of that day, too.

    Args:
        features: with order_day_count, days_since_first_order and days_since_last_order.
        buying: of models.clv.fit_clv.
    """
    table = _table(features)
    if buying is None:
        return table
    days, first, last = (
        floats(table[name]) for name in ("order_day_count", "days_since_first_order", "days_since_last_order")
    )
    return table.append_column("p_alive", pa.array(alive_probability(buying, days - 1, first - last, first)))


def fit_churn(
    features: Features,
    seed: int,
    previous: ChurnModel | None = None,
    *,
    buying: ClvParameters | None = None,
    question: Mapping[str, Any] | None = None,
    outcomes: Outcomes | None = None,
    threads: int | None = None,
) -> ChurnFit:
    """A churn model learnt on the earlier cut-offs, judged on the last one, and learnt again with it for publishing.

    The new model and the previous one are held against the same customers, with labels that neither learnt from. The
    new one is refused only if the 95 % interval of the difference of squared errors is wholly on its worse side.

    Of more than 60,000 rows those of a fixed random part of the customers (by md5 of seed and customer_id) are learnt
    from. The order of rows is without effect. A feature that tells the outcome almost by itself (AUC .98) is left out.

    Args:
        features: customers of two or more cut-offs: customer_id, as_of_date, is_active, has_churned (NULL: its window
            is not over; such rows are left out) and features, which are all other numeric columns.
        seed: of the sample, the fit and the bootstrap.
        previous: what was published last.
        buying: parameters of p_alive as of tonight, if p_alive is a feature.
        question: settings that the label rests on.
        outcomes: of many dates, to move forecasts to their season; None: they are not.
        threads: for scoring at most so many; by default the cores this process may use.
    """
    everything = _sample(features, seed)
    dates = sorted(pc.unique(everything.table["as_of_date"]).to_pylist())
    asked = dict(question or {})
    last = previous if previous is not None and previous.question == asked else None
    if last is not None and outcomes is not None and dates:
        last = _seasonal(last, outcomes, dates[-1])
    by_date = [everything.of(day) for day in dates]
    earlier = [part for part in by_date[:-1] if _is_enough(part)]
    problem = _problem(by_date, earlier)
    if problem is not None:
        note = f"no new churn forecast: {problem}; the last one stays" if last else f"no churn forecast: {problem}"
        return ChurnFit(last, _model_rows(last) if last else [], [], no_deciles(), note)
    later, learnt_dates = by_date[-1], [part.date for part in earlier]
    learnt = everything.of(*learnt_dates)
    judged = later.only(later.active)
    names, leaks = _features(learnt)
    then = outcomes.season(later.date, learnt_dates) if outcomes else Season()
    now = outcomes.season(outcomes.night, [*learnt_dates, later.date]) if outcomes else Season()
    methods = _methods(names, learnt, later)
    scorers = {method: replace(_fitted(method, learnt, names, seed), shift=then.shift) for method in methods}
    predicted = {method: _scores(scorer, judged.table, threads) for method, scorer in scorers.items()}
    winner, against_baseline = _winner(judged.churned, predicted, seed)
    standing = _standing(last, winner, scorers)
    scores = predicted[standing.published]
    old, against_last = _against_last(last, judged, scores, seed, threads)
    refused = against_last is not None and against_last.is_worse
    if refused and last is not None and old is not None:
        model, scores = replace(last, standing=replace(standing, published=last.method)), old
    else:
        whole = everything.of(*learnt_dates, dates[-1])
        judge = scorers[standing.published]
        model = _published(standing, judge, whole, names, seed, buying, asked, now.shift, threads)

    of_fit = _of_fit(winner, standing, leaks, now, against_baseline, against_last)
    for name, p in predicted.items():
        told = measures(judged.churned, p)
        of_fit += [(f"{metric}_{name}", value, f"{name} alone: {note}") for metric, value, note in told]
    end = (
        "the last model was better and stays" if refused else "published is the same recipe, learnt with that date too"
    )
    days = ", ".join(map(str, learnt_dates))
    note = f"learnt at {days}, judged at {dates[-1]} on {len(judged.table)} active ones; {end}"
    quality = [*_model_rows(model), *_quality(judged.churned, scores)]
    return ChurnFit(model, quality, of_fit, calibration_by_decile(judged.churned, scores), note)


def _of_fit(
    winner: Method,
    standing: Standing,
    leaks: Sequence[str],
    season: Season,
    against_baseline: LossDifference | None,
    against_last: LossDifference | None,
) -> list[QualityRow]:
    """What a fit says of itself, whichever model it leads to."""
    refused = against_last is not None and against_last.is_worse
    of_fit: list[QualityRow] = [("winner", None, f"{winner} is the best of this fit")]
    if standing.challenger:
        of_fit.append(("wins_in_a_row", float(standing.wins), f"of {standing.challenger}; three make it published"))
    if leaks:
        of_fit.append(("left_out_features", float(len(leaks)), f"they know the outcome: {', '.join(leaks)}"))
    if season.dates:
        note = "by how much the level of the year before foretells a date's (log-odds); 1: fully"
        of_fit.append(("season_slope", season.slope, f"{note}; learnt from {season.dates} dates, pulled towards 0"))
    if against_baseline is not None:
        note = f"boosting's squared error less that of the better baseline: {against_baseline}"
        of_fit.append(("brier_less_baseline", round(against_baseline.mean, 6), note))
    if against_last is not None:
        told = (
            "worse beyond chance, so the last one stays" if refused else "not worse beyond chance, so it is published"
        )
        note = f"squared error of the new model less the last one's: {against_last}; the new one is {told}"
        of_fit.append(("brier_less_last_model", round(against_last.mean, 6), note))
    if refused:
        of_fit.append(("new_model_refused", 1.0, "alarm; the last churn model predicts better and stays"))
    return of_fit


def score_churn(model: ChurnModel | None, features: Features, threads: int | None = None) -> tuple[Floats, Floats]:
    """Probability of churn, and as it was before it was moved to the season, which is no drift.

    One per row in the order given, to 6 digits and within .001 and .999; NaN without a model. A row depends on its own
    values only, so batches give the same.

    Raises:
        ValueError: a feature is missing; the message names it.
    """
    table = _table(features)
    if model is None:
        return np.full(len(table), np.nan), np.full(len(table), np.nan)
    usual = _usual(model.published, _with_features(model, table), threads)
    return _in_season(usual, model.published.shift), usual


def _in_season(p_churn: Floats, shift: float) -> Floats:
    """Probabilities, their log-odds moved by a shift, to 6 digits and within .001 and .999."""
    if not shift:
        return p_churn
    return np.asarray(np.clip(1 / (1 + (1 - p_churn) / p_churn * np.exp(-shift)), 0.001, 0.999).round(6), dtype=float)


def churn_reasons(model: ChurnModel | None, features: Features) -> list[pa.Array]:
    """The three reasons that raise the risk most, an array each, in words; NULL where there is none, or no model."""
    table = _table(features)
    if model is None:
        return [pa.nulls(len(table), pa.string())] * 3
    return reasons(model.effects, _with_features(model, table))


def scored_columns(model: ChurnModel, features: Features, usual: Floats) -> dict[str, Floats]:
    """What drift is watched on, by the name of its bins: the active customers' features, and usual scores."""
    table = _with_features(model, _table(features))
    active = _booleans(table["is_active"].fill_null(False))
    columns = {name: floats(table[name])[active] for name in model.bins if name in table.column_names}
    return columns | {"score": usual[active]}


def churn_tier(p_churn: npt.ArrayLike, is_active: npt.ArrayLike) -> list[str | None]:
    """One tier per customer: high from .6, medium from .3, low below.

    The bounds are absolute, as the probabilities are calibrated: a tier means the same every night, and a night on
    which many are at risk shows it. None for who is not active or has no probability.
    """
    p = np.asarray(p_churn, dtype=float)
    active = np.asarray(is_active, dtype=bool)
    tiers = np.array([*(name for _, name in TIERS), None], dtype=object)
    place = np.argmax([*(active & (p >= bound) for bound, _ in TIERS), np.ones(len(p), dtype=bool)], axis=0)
    return list(tiers[place])


def to_artefact(model: ChurnModel) -> tuple[bytes | None, str]:
    """The model as a skops archive of its trees (None for a baseline) and JSON of everything else: data, no code."""
    scorers = {"published": model.published, "judged": model.judged}
    trees = {name: s.estimator for name, s in scorers.items() if not isinstance(s.estimator, Curve)}
    content = {
        "method": model.method,
        **{
            name: {
                "features": s.features,
                "curve": asdict(s.estimator) if isinstance(s.estimator, Curve) else None,
                "shift": s.shift,
            }
            for name, s in scorers.items()
        },
        "buying": json.loads(model.buying.to_json()) if model.buying else None,
        "effects": model.effects.to_dict(),
        "bins": {name: asdict(bins) for name, bins in model.bins.items()},
        "question": model.question,
        "training": model.training,
        "standing": asdict(model.standing),
    }
    data = None
    if trees:
        import skops.io  # slow, see from_artefact

        data = bytes(skops.io.dumps(trees, compression=zipfile.ZIP_DEFLATED))
    return data, json.dumps(content, allow_nan=False)


def from_artefact(trees: bytes | None, parameters: str) -> ChurnModel:
    """The model that to_artefact wrote.

    Raises:
        skops.io.exceptions.UntrustedTypesFoundException: it holds a type that such a model has no use for.
        KeyError: the two do not belong together.
    """
    content = json.loads(parameters)
    estimators = {}
    if trees is not None:
        import skops.io  # slow: it imports all of scikit-learn, for its list of what can be trusted

        estimators = skops.io.loads(trees, trusted=_TRUSTED)

    def scorer(name: str) -> Scorer:
        curve = content[name]["curve"]
        estimator = Curve(tuple(curve["x"]), tuple(curve["p"])) if curve else estimators[name]
        return Scorer(tuple(content[name]["features"]), estimator, content[name].get("shift", 0.0))

    return ChurnModel(
        content["method"],
        scorer("published"),
        scorer("judged"),
        ClvParameters.from_json(json.dumps(content["buying"])) if content["buying"] else None,
        Effects.from_dict(content["effects"]),
        {name: Bins(tuple(bins["edges"]), tuple(bins["shares"])) for name, bins in content["bins"].items()},
        content["question"],
        content["training"],
        Standing(**content["standing"]),
    )


def _quality(churned: Booleans, predicted: Floats) -> list[QualityRow]:
    return [
        ("customers", float(len(churned)), "active at the last cut-off with a known outcome"),
        ("base_rate", round(float(churned.mean()), 6), "share of them that churned"),
        *measures(churned, predicted),
    ]


def _winner(churned: Booleans, predicted: Mapping[Method, Floats], seed: int) -> tuple[Method, LossDifference | None]:
    """The method to publish by this fit alone, and boosting's squared error less that of the better baseline."""
    losses = {method: (p - churned) ** 2 for method, p in predicted.items()}
    areas = {method: auc(churned, p)[0] for method, p in predicted.items()}
    baselines = [method for method in BASELINES if method in losses]
    if not baselines:
        return "gradient_boosting", None
    enough = max(areas[method] for method in baselines) - AUC_MARGIN
    best = min((method for method in baselines if areas[method] >= enough), key=lambda name: float(losses[name].mean()))
    if "gradient_boosting" not in losses:
        return best, None
    differences = {name: paired_bootstrap(losses["gradient_boosting"], losses[name], seed) for name in baselines}
    wins = areas["gradient_boosting"] >= enough and all(found.is_better for found in differences.values())
    return ("gradient_boosting" if wins else best), differences[best]


def _standing(previous: ChurnModel | None, winner: Method, scorers: Mapping[Method, Scorer]) -> Standing:
    """The standing after this fit; a published method that can't be learnt any more gives way at once."""
    if previous is None or previous.standing.published not in scorers:
        return Standing(winner)
    return previous.standing.after(winner)


def _seasonal(model: ChurnModel, outcomes: Outcomes, judged_at: date) -> ChurnModel:
    """The model, which may be of another time of the year, with the shifts of now."""
    learnt_at = [date.fromisoformat(day) for day in model.training["cut_offs"]]
    then, now = outcomes.season(judged_at, learnt_at[:-1]), outcomes.season(outcomes.night, learnt_at)
    judged, published = replace(model.judged, shift=then.shift), replace(model.published, shift=now.shift)
    return replace(model, judged=judged, published=published)


def _against_last(
    last: ChurnModel | None, judged: _Sample, scores: Floats, seed: int, threads: int | None
) -> tuple[Floats | None, LossDifference | None]:
    """The last model's scores of the judged, and the new squared error less the last one's; None if it can't score."""
    if last is None or not set(last.judged.features) <= set(judged.table.column_names):
        return None, None
    old = _scores(last.judged, judged.table, threads)
    return old, paired_bootstrap((scores - judged.churned) ** 2, (old - judged.churned) ** 2, seed)


def _published(
    standing: Standing,
    judged: Scorer,
    whole: _Sample,
    names: tuple[str, ...],
    seed: int,
    buying: ClvParameters | None,
    question: dict[str, Any],
    shift: float,
    threads: int | None,
) -> ChurnModel:
    """The judged recipe learnt again with the last cut-off, with what explains and watches it."""
    scorer = replace(_fitted(standing.published, whole, names, seed), shift=shift)
    dates = sorted(pc.unique(whole.table["as_of_date"]).to_pylist())
    latest = whole.of(dates[-1])
    active = latest.only(latest.active)
    p = _usual(scorer, active.table, threads)
    with threadpool_limits(limits=1):  # the same bits on any number of cores
        effects = fit_effects(scorer.features, _matrix(active.table, scorer.features), p)
    watched = sorted({*names, *scorer.features})
    training = {
        "cut_offs": [str(day) for day in dates],
        "last_cut_off": str(dates[-1]),
        "rows": min(len(whole.table), MAX_TRAINING_ROWS),
        "fingerprint": _fingerprint(whole, watched),
        "versions": {name: version(name) for name in _LIBRARIES},
    }
    bins = {name: fixed_bins(active.column(name)) for name in watched} | {"score": fixed_bins(p)}
    return ChurnModel(standing.published, scorer, judged, buying, effects, bins, question, training, standing)


def _model_rows(model: ChurnModel) -> list[QualityRow]:
    explained = "share of the variance of the log-odds of churn that the effects behind the reasons account for"
    shift = model.published.shift
    return [
        ("season_shift", shift, "added to the log-odds of churn for the time of the year; 0: none is known to matter"),
        ("training_rows", float(model.training["rows"]), "customers times cut-offs that the published model knows"),
        ("reasons_explain", round(model.effects.explained, 6), explained),
    ]


def _fingerprint(sample: _Sample, names: list[str]) -> str:
    """SHA-256 of what is learnt from, in the sample's own order."""
    digest = hashlib.sha256(",".join(names).encode())
    part = sample.table.slice(0, MAX_TRAINING_ROWS)
    for name in names:
        digest.update(floats(part[name]).tobytes())
    digest.update(_booleans(part["has_churned"]).tobytes())
    return digest.hexdigest()


def _fitted(method: Method, sample: _Sample, features: tuple[str, ...], seed: int) -> Scorer:
    if method in BASELINES:
        return Scorer((method,), _curve(sample, method))
    return Scorer(features, _trees(sample, features, seed))


def _trees(sample: _Sample, features: tuple[str, ...], seed: int) -> CalibratedClassifierCV:
    """Small boosted trees (large ones were overconfident), calibrated out of fold: isotonic for many, else sigmoid."""
    part = sample.table.slice(0, MAX_TRAINING_ROWS)
    churned = _booleans(part["has_churned"])
    trees = HistGradientBoostingClassifier(
        learning_rate=0.1,
        max_iter=50,
        max_leaf_nodes=6,
        min_samples_leaf=min(max(len(churned) // 50, 10), 100),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    many = min(churned.sum(), (~churned).sum()) >= ISOTONIC_FROM
    # Folds need no shuffling: the sample is in md5 order of customers, whose rows so stay in one fold.
    model = CalibratedClassifierCV(trees, method="isotonic" if many else "sigmoid", cv=3, ensemble=False)
    # OpenMP's threads wait for each other at every level of a tree: on busy cores two took 22 s where one takes 1 s.
    with threadpool_limits(limits=1, user_api="openmp"):
        model.fit(_matrix(part, features), churned)
    return model


def _curve(sample: _Sample, name: str) -> Curve:
    """P(churned) by one column: isotonic for many, else logistic (in the log-odds, where the column is a probability).

    Learnt on the active; by days since the last order, which alone set the others apart, isotonic steps on all.
    """
    x, churned, active = sample.column(name), sample.churned, sample.active
    if sample.least_of_a_class() >= CURVE_ISOTONIC_FROM:
        rows = active | (name == "days_since_last_order")
        steps = IsotonicRegression(increasing=name != "p_alive").fit(x[rows], churned[rows])
        return Curve(_numbers(steps.X_thresholds_), _numbers(steps.y_thresholds_))
    points = np.unique(np.quantile(x, np.linspace(0, 1, 512)))
    scale = _log_odds if name == "p_alive" else np.asarray
    return Curve(_numbers(points), _numbers(fit_logistic(scale(x[active]), churned[active]).probability(scale(points))))


def _log_odds(p: Floats) -> Floats:
    inside = p.clip(1e-4, 1 - 1e-4)
    return np.asarray(np.log(inside / (1 - inside)))


def _numbers(values: Floats) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _scores(scorer: Scorer, table: pa.Table, threads: int | None) -> Floats:
    return _in_season(_usual(scorer, table, threads), scorer.shift)


def _usual(scorer: Scorer, table: pa.Table, threads: int | None) -> Floats:
    missing = [name for name in scorer.features if name not in table.column_names]
    if missing:
        raise ValueError(f"the churn model needs features that are not there: {', '.join(missing)}")

    def batch_scores(start: int) -> Floats:
        batch = _matrix(table.slice(start, BATCH_ROWS), scorer.features)
        if isinstance(scorer.estimator, Curve):
            return np.interp(batch[:, 0], scorer.estimator.x, scorer.estimator.p)
        with threadpool_limits(limits=1, user_api="openmp"):
            return np.asarray(scorer.estimator.predict_proba(batch)[:, 1], dtype=float)

    with ThreadPoolExecutor(threads or _cores()) as pool:
        scores = list(pool.map(batch_scores, range(0, len(table), BATCH_ROWS)))
    return np.asarray(np.clip(np.concatenate([*scores, np.empty(0)]), 0.001, 0.999).round(6), dtype=float)


def _with_features(model: ChurnModel, table: pa.Table) -> pa.Table:
    return table if "p_alive" in table.column_names else with_p_alive(table, model.buying)


def _sample(features: Features, seed: int) -> _Sample:
    """The labelled rows, by md5 of seed and customer, a customer's by date."""
    table = _table(features)
    table = table.filter(table["has_churned"].is_valid())
    ids = table["customer_id"].combine_chunks().dictionary_encode()
    digests = np.array(
        [hashlib.md5(f"{seed}:{name}".encode(), usedforsecurity=False).digest() for name in ids.dictionary.to_pylist()],
        dtype="S16",
    )
    order = np.lexsort(
        (floats(table["as_of_date"].cast(pa.date32()).cast(pa.int32())), digests[ids.indices.to_numpy()])
    )
    return _Sample(table.take(pa.array(order)))


def _features(sample: _Sample) -> tuple[tuple[str, ...], list[str]]:
    """All numeric and boolean columns that are not keys or labels, by name; and those left out as they know the label.

    One that is hardly ever known is left out, too: the trees can't take a column of NULLs. The baselines' columns are
    trusted: what they know is known to be of the past.
    """
    part = sample.table.slice(0, MAX_TRAINING_ROWS)
    names = sorted(
        item.name
        for item in part.schema
        if item.name not in NOT_FEATURES
        and _is_numeric(item.type)
        and np.isfinite(floats(part[item.name])).sum() >= MIN_OF_EACH_CLASS
    )
    active = _Sample(part.filter(part["is_active"]).slice(0, LEAK_ROWS))
    leaks = [name for name in names if name not in BASELINES and _tells(active.column(name), active.churned)]
    return tuple(name for name in names if name not in leaks), leaks


def _tells(values: Floats, churned: Booleans) -> bool:
    if churned.all() or not churned.any():
        return False
    area = float(roc_auc_score(churned, np.where(np.isnan(values), -np.inf, values).clip(-1e300, 1e300)))
    return max(area, 1 - area) >= LEAK_AUC


def _methods(names: tuple[str, ...], *samples: _Sample) -> list[Method]:
    """The methods that can be learnt: a baseline whose column is known of everybody, boosting if it has features."""
    found: list[Method] = [
        name
        for name in BASELINES
        if all(name in part.table.column_names and np.isfinite(part.column(name)).all() for part in samples)
    ]
    return [*found, "gradient_boosting"] if names else found


def _is_enough(sample: _Sample) -> bool:
    return len(sample.table) > 0 and sample.least_of_a_class() >= MIN_OF_EACH_CLASS


def _problem(by_date: list[_Sample], earlier: list[_Sample]) -> str | None:
    if len(by_date) < 2:
        return "the history is too short for two dates with a known outcome"
    later = by_date[-1]
    if not _is_enough(later):
        active = later.active
        return (
            f"at {later.date} {int(active.sum())} customers were active, of whom "
            f"{int(later.churned[active].sum())} left; {MIN_OF_EACH_CLASS} of either outcome are needed"
        )
    if not earlier:
        return f"at no date before {later.date} {MIN_OF_EACH_CLASS} active customers left and as many stayed"
    if not _methods(_features(earlier[-1])[0], *earlier, later):
        return "there is no numeric feature to learn from"
    return None


def _table(features: Features) -> pa.Table:
    return features if isinstance(features, pa.Table) else pa.Table.from_pandas(features, preserve_index=False)


def _is_numeric(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind) or types.is_boolean(kind))


def _matrix(table: pa.Table, names: tuple[str, ...]) -> Floats:
    """Rows x features; NULL is NaN, which the trees treat as a value of its own."""
    return np.column_stack([floats(table[name]) for name in names])


def _booleans(column: pa.ChunkedArray) -> Booleans:
    return np.asarray(column.cast(pa.bool_()).to_numpy(zero_copy_only=False), dtype=bool)


def _cores() -> int:
    return len(os.sched_getaffinity(0))

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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from typing import Any

import pandas as pd
import pyarrow.compute as pc
from threadpoolctl import threadpool_limits

from models.churn.columns import Booleans, Features, Floats, as_booleans, feature_matrix
from models.churn.methods import fit_method, seasonal_scores, unadjusted_scores
from models.churn.model import BASELINES, ChampionState, ChurnModel, Method, Scorer
from models.churn.reasons import fit_effects, floats
from models.churn.sample import (
    MAX_TRAINING_ROWS,
    Sample,
    is_enough,
    labelled_sample,
    possible_methods,
    sample_problem,
    usable_features,
)
from models.churn.season import Outcomes, Season
from models.clv.parameters import ClvParameters
from models.evaluation.compare import LossDifference, paired_bootstrap
from models.evaluation.drift import fixed_bins
from models.evaluation.probability import auc, calibration_by_decile, measures, no_deciles

QualityRow = tuple[str, float | None, str]


AUC_MARGIN = 0.01


_LIBRARIES = ("lifetimes", "numpy", "pyarrow", "scikit-learn", "skops")


@dataclass(frozen=True)
class ChurnFit:
    """What was learnt and how good it is.

    Attributes:
        model: what to publish; None: refused, and the note says why.
        quality: (metric, value, note) for model_quality of the published model, which may be an earlier one; judged on
            the active customers of the last cut-off.
        fit_diagnostics: the same of what was learnt now: who won, how it compares with the baselines and the last
            model, and with a method's name behind the metric how each method does alone.
        calibration: one row per decile of risk (1 the highest; equal scores share one): decile, customers, predicted
            and actual share of churned, standard_error of the actual share.
        note: in a marketer's words.
    """

    model: ChurnModel | None
    quality: list[QualityRow]
    fit_diagnostics: list[QualityRow]
    calibration: pd.DataFrame
    note: str

    @property
    def method(self) -> str:
        """Of customer_churn; none: there is no forecast."""
        return self.model.method if self.model else "none"


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
    everything = labelled_sample(features, seed)
    dates = sorted(pc.unique(everything.table["as_of_date"]).to_pylist())
    asked = dict(question or {})
    last = previous if previous is not None and previous.question == asked else None
    if last is not None and outcomes is not None and dates:
        last = _seasonal(last, outcomes, dates[-1])
    by_date = [everything.of(day) for day in dates]
    earlier = [part for part in by_date[:-1] if is_enough(part)]
    problem = sample_problem(by_date, earlier)
    if problem is not None:
        note = f"no new churn forecast: {problem}; the last one stays" if last else f"no churn forecast: {problem}"
        return ChurnFit(last, _model_rows(last) if last else [], [], no_deciles(), note)
    later, learnt_dates = by_date[-1], [part.date for part in earlier]
    learnt = everything.of(*learnt_dates)
    judged = later.only(later.active)
    names, leaks = usable_features(learnt)
    then = outcomes.season(later.date, learnt_dates) if outcomes else Season()
    now = outcomes.season(outcomes.night, [*learnt_dates, later.date]) if outcomes else Season()
    methods = possible_methods(names, learnt, later)
    scorers = {method: replace(fit_method(method, learnt, names, seed), shift=then.shift) for method in methods}
    predicted = {method: seasonal_scores(scorer, judged.table, threads) for method, scorer in scorers.items()}
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

    fit_diagnostics = _fit_diagnostics(winner, standing, leaks, now, against_baseline, against_last)
    for name, p in predicted.items():
        told = measures(judged.churned, p)
        fit_diagnostics += [(f"{metric}_{name}", value, f"{name} alone: {note}") for metric, value, note in told]
    end = (
        "the last model was better and stays" if refused else "published is the same recipe, learnt with that date too"
    )
    days = ", ".join(map(str, learnt_dates))
    note = f"learnt at {days}, judged at {dates[-1]} on {len(judged.table)} active ones; {end}"
    quality = [*_model_rows(model), *_quality(judged.churned, scores)]
    return ChurnFit(model, quality, fit_diagnostics, calibration_by_decile(judged.churned, scores), note)


def _fit_diagnostics(
    winner: Method,
    standing: ChampionState,
    leaks: Sequence[str],
    season: Season,
    against_baseline: LossDifference | None,
    against_last: LossDifference | None,
) -> list[QualityRow]:
    """What a fit says of itself, whichever model it leads to."""
    refused = against_last is not None and against_last.is_worse
    fit_diagnostics: list[QualityRow] = [("winner", None, f"{winner} is the best of this fit")]
    if standing.challenger:
        fit_diagnostics.append(
            ("wins_in_a_row", float(standing.wins), f"of {standing.challenger}; three make it published")
        )
    if leaks:
        fit_diagnostics.append(("left_out_features", float(len(leaks)), f"they know the outcome: {', '.join(leaks)}"))
    if season.dates:
        note = "by how much the level of the year before foretells a date's (log-odds); 1: fully"
        fit_diagnostics.append(
            ("season_slope", season.slope, f"{note}; learnt from {season.dates} dates, pulled towards 0")
        )
    if against_baseline is not None:
        note = f"boosting's squared error less that of the better baseline: {against_baseline}"
        fit_diagnostics.append(("brier_less_baseline", round(against_baseline.mean, 6), note))
    if against_last is not None:
        told = (
            "worse beyond chance, so the last one stays" if refused else "not worse beyond chance, so it is published"
        )
        note = f"squared error of the new model less the last one's: {against_last}; the new one is {told}"
        fit_diagnostics.append(("brier_less_last_model", round(against_last.mean, 6), note))
    if refused:
        fit_diagnostics.append(("new_model_refused", 1.0, "alarm; the last churn model predicts better and stays"))
    return fit_diagnostics


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


def _standing(previous: ChurnModel | None, winner: Method, scorers: Mapping[Method, Scorer]) -> ChampionState:
    """The standing after this fit; a published method that can't be learnt any more gives way at once."""
    if previous is None or previous.standing.published not in scorers:
        return ChampionState(winner)
    return previous.standing.after(winner)


def _seasonal(model: ChurnModel, outcomes: Outcomes, judged_at: date) -> ChurnModel:
    """The model, which may be of another time of the year, with the shifts of now."""
    learnt_at = [date.fromisoformat(day) for day in model.training["cut_offs"]]
    then, now = outcomes.season(judged_at, learnt_at[:-1]), outcomes.season(outcomes.night, learnt_at)
    judged, published = replace(model.judged, shift=then.shift), replace(model.published, shift=now.shift)
    return replace(model, judged=judged, published=published)


def _against_last(
    last: ChurnModel | None, judged: Sample, scores: Floats, seed: int, threads: int | None
) -> tuple[Floats | None, LossDifference | None]:
    """The last model's scores of the judged, and the new squared error less the last one's; None if it can't score."""
    if last is None or not set(last.judged.features) <= set(judged.table.column_names):
        return None, None
    old = seasonal_scores(last.judged, judged.table, threads)
    return old, paired_bootstrap((scores - judged.churned) ** 2, (old - judged.churned) ** 2, seed)


def _published(
    standing: ChampionState,
    judged: Scorer,
    whole: Sample,
    names: tuple[str, ...],
    seed: int,
    buying: ClvParameters | None,
    question: dict[str, Any],
    shift: float,
    threads: int | None,
) -> ChurnModel:
    """The judged recipe learnt again with the last cut-off, with what explains and watches it."""
    scorer = replace(fit_method(standing.published, whole, names, seed), shift=shift)
    dates = sorted(pc.unique(whole.table["as_of_date"]).to_pylist())
    latest = whole.of(dates[-1])
    active = latest.only(latest.active)
    p = unadjusted_scores(scorer, active.table, threads)
    with threadpool_limits(limits=1):  # the same bits on any number of cores
        effects = fit_effects(scorer.features, feature_matrix(active.table, scorer.features), p)
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


def _fingerprint(sample: Sample, names: list[str]) -> str:
    """SHA-256 of what is learnt from, in the sample's own order."""
    digest = hashlib.sha256(",".join(names).encode())
    part = sample.table.slice(0, MAX_TRAINING_ROWS)
    for name in names:
        digest.update(floats(part[name]).tobytes())
    digest.update(as_booleans(part["has_churned"]).tobytes())
    return digest.hexdigest()

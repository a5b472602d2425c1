"""The fit of churn: the probability that a customer buys nothing in the horizon after a cut-off.

Three methods compete: calibrated gradient boosting, and two baselines of one column each (days since the last order,
p_alive). They learn from the customers of several cut-offs. The holdout is the active customers of a later one, as that
is how a model is used: the world drifts between cut-offs, so that a random split would flatter it. Customers who left
long ago need no forecast. models.churn.challenge has the rule of who wins.

The winning recipe is then fitted again with the last cut-off, so that the published model knows the latest outcomes. A
forecast is moved to its season (models.churn.season), that of the holdout by what was known at the last cut-off.

If what is to be published has no skill on the holdout (models.evaluation.skill), the base rate is published instead.
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

from models.churn.challenge import best_method, champion_scores, champion_state, compare_with_champion
from models.churn.methods import fit_method, seasonal_scores, unadjusted_scores
from models.churn.model import ChampionState, ChurnModel, Method, Scorer
from models.churn.reasons import fit_effects
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
from models.columns import booleans, feature_matrix, floats
from models.evaluation.challenge import ChallengerResult
from models.evaluation.compare import LossDifference
from models.evaluation.drift import fixed_bins
from models.evaluation.probability import calibration_by_decile, measures, no_deciles
from models.evaluation.skill import probability_skill
from models.types import Booleans, Floats, QualityRow, Rows

WITHOUT_SKILL = ", and tiers, reasons and the segment high_churn_risk are empty"

_LIBRARIES = ("lifetimes", "numpy", "pyarrow", "scikit-learn", "skops")


@dataclass(frozen=True)
class ChurnFit:
    """A fit and how good it is.

    Attributes:
        model: what to publish; None: refused, and the note says why.
        quality: (metric, value, note) for model_quality of the published model, which may be the champion; measured on
            the holdout, the active customers of the last cut-off.
        fit_diagnostics: the same of tonight's fit: which method won, how it compares with the baselines and the
            champion, and with a method's name behind the metric how each method does alone.
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


@dataclass(frozen=True)
class _Split:
    """The labelled customers of a fit.

    Attributes:
        training: those of the earlier cut-offs.
        training_dates: these cut-offs, ascending.
        last: those of the last cut-off.
        holdout: the active ones of the last cut-off.
        whole: training and last, in the stable order of all.
    """

    training: Sample
    training_dates: list[date]
    last: Sample
    holdout: Sample
    whole: Sample


def fit_churn(
    features: Rows,
    seed: int,
    champion: ChurnModel | None = None,
    *,
    buying: ClvParameters | None = None,
    target_definition: Mapping[str, Any] | None = None,
    outcomes: Outcomes | None = None,
    threads: int | None = None,
) -> ChurnFit:
    """A churn model fitted on the earlier cut-offs, measured on the last one, and fitted again with it for publishing.

    The new model and the champion forecast the same customers, with labels that neither learnt from. The new one is
    refused only if the 95 % interval of the difference of squared errors is wholly on its worse side.

    Of more than 60,000 rows a fit takes those of a fixed random part of the customers (by md5 of seed and customer_id).
    The order of rows is without effect. A feature that predicts the outcome almost by itself (AUC .98) is left out.

    Args:
        features: customers of two or more cut-offs: customer_id, as_of_date, is_active, has_churned (NULL: its window
            is not over; such rows are left out) and features, which are all other numeric columns.
        seed: of the sample, the fit and the bootstrap.
        champion: what was published last.
        buying: parameters of p_alive as of tonight, if p_alive is a feature.
        target_definition: settings that the label rests on; a champion with other ones counts for nothing.
        outcomes: of many dates, to move forecasts to their season; None: they are not moved.
        threads: for scoring at most so many; by default the cores this process may use.
    """
    labelled = labelled_sample(features, seed)
    dates = _dates(labelled)
    definition = dict(target_definition or {})
    champion = _comparable(champion, definition, outcomes, dates)
    split = _split(labelled, dates)
    if isinstance(split, str):
        return _unchanged(champion, split)
    contest = _contest(split, champion, outcomes, seed, threads)
    recipe: Method
    churned, scores = split.holdout.churned, contest.predicted[contest.state.published]
    old_scores = champion_scores(champion, split.holdout, threads)
    result = None if old_scores is None else compare_with_champion(scores, old_scores, churned, seed)
    kept = champion if result is not None and result.is_refused else None
    if kept is not None and old_scores is not None:
        scores = old_scores
    skill = probability_skill(churned, scores, tried=len(contest.predicted))
    if not skill.is_beyond_chance:
        recipe, kept, end = "base_rate", None, "no method has skill, so everybody gets the base rate"
        scores = seasonal_scores(contest.scorers["base_rate"], split.holdout.table, threads)
    elif kept is not None:
        kept = replace(kept, champion_state=replace(kept.champion_state, published=kept.method))
        recipe, end = kept.method, "the last model was better and stays"
    else:
        recipe, end = contest.state.published, "published is the same recipe, learnt with that date too"
    model = kept or _refitted(contest, recipe, split.whole, seed, buying, definition, threads)
    days = ", ".join(str(day) for day in split.training_dates)
    note = f"learnt at {days}, judged at {dates[-1]} on {len(churned)} active ones; {end}"
    quality = [*_model_rows(model), *_quality(churned, scores)]
    diagnostics = [*_fit_diagnostics(contest, churned, result), *skill.quality(WITHOUT_SKILL)]
    return ChurnFit(model, quality, diagnostics, calibration_by_decile(churned, scores), note)


def _dates(sample: Sample) -> list[date]:
    return sorted(pc.unique(sample.table["as_of_date"]).to_pylist())


def _comparable(
    champion: ChurnModel | None, definition: dict[str, Any], outcomes: Outcomes | None, dates: list[date]
) -> ChurnModel | None:
    """The champion, if it forecasts the same; moved from the time of the year when it was fitted to that of now."""
    if champion is None or champion.target_definition != definition:
        return None
    if outcomes is None or not dates:
        return champion
    fitted_at = [date.fromisoformat(day) for day in champion.training["cut_offs"]]
    at_holdout, now = outcomes.season(dates[-1], fitted_at[:-1]), outcomes.season(outcomes.night, fitted_at)
    return replace(
        champion,
        holdout_scorer=replace(champion.holdout_scorer, shift=at_holdout.shift),
        published=replace(champion.published, shift=now.shift),
    )


def _split(labelled: Sample, dates: list[date]) -> _Split | str:
    """Training and holdout, or why there can be no fit."""
    by_date = [labelled.of(day) for day in dates]
    earlier = [sample for sample in by_date[:-1] if is_enough(sample)]
    problem = sample_problem(by_date, earlier)
    if problem is not None:
        return problem
    last, training_dates = by_date[-1], [sample.date for sample in earlier]
    return _Split(
        labelled.of(*training_dates),
        training_dates,
        last,
        last.only(last.active),
        labelled.of(*training_dates, dates[-1]),
    )


def _unchanged(champion: ChurnModel | None, problem: str) -> ChurnFit:
    """The champion, if there is one, as nothing could be fitted."""
    if champion is None:
        return ChurnFit(None, [], [], no_deciles(), f"no churn forecast: {problem}")
    note = f"no new churn forecast: {problem}; the last one stays"
    return ChurnFit(champion, _model_rows(champion), [], no_deciles(), note)


@dataclass(frozen=True)
class _Contest:
    """The methods of tonight's fit, fitted on the earlier cut-offs, and which of them is to be published.

    Attributes:
        features: of boosting.
        leaks: features that were left out.
        season: of tonight's forecast.
        scorers: by method, and of the base rate.
        predicted: by method that competes, probabilities of the holdout.
        winner: of this fit.
        against_baseline: boosting's squared error less that of the better baseline, None if one of them is missing.
        state: after this fit.
    """

    features: tuple[str, ...]
    leaks: Sequence[str]
    season: Season
    scorers: Mapping[Method, Scorer]
    predicted: Mapping[Method, Floats]
    winner: Method
    against_baseline: LossDifference | None
    state: ChampionState


def _contest(
    split: _Split, champion: ChurnModel | None, outcomes: Outcomes | None, seed: int, threads: int | None
) -> _Contest:
    names, leaks = usable_features(split.training)
    dates, last = split.training_dates, split.last.date
    at_holdout = outcomes.season(last, dates) if outcomes else Season()
    now = outcomes.season(outcomes.night, [*dates, last]) if outcomes else Season()
    methods = possible_methods(names, split.training, split.last)
    scorers = {
        method: replace(fit_method(method, split.training, names, seed), shift=at_holdout.shift)
        for method in ("base_rate", *methods)
    }
    predicted = {method: seasonal_scores(scorers[method], split.holdout.table, threads) for method in methods}
    winner, against_baseline = best_method(split.holdout.churned, predicted, seed)
    state = champion_state(champion, winner, scorers)
    return _Contest(names, leaks, now, scorers, predicted, winner, against_baseline, state)


def _refitted(
    contest: _Contest,
    method: Method,
    whole: Sample,
    seed: int,
    buying: ClvParameters | None,
    definition: dict[str, Any],
    threads: int | None,
) -> ChurnModel:
    """The recipe to be published, fitted again with the last cut-off, with its reasons and the bins of its drift."""
    holdout_scorer = contest.scorers[method]
    scorer = replace(fit_method(method, whole, contest.features, seed), shift=contest.season.shift)
    dates = _dates(whole)
    last = whole.of(dates[-1])
    active = last.only(last.active)
    p = unadjusted_scores(scorer, active.table, threads)
    with threadpool_limits(limits=1):  # the same bits on any number of cores
        effects = fit_effects(scorer.features, feature_matrix(active.table, scorer.features), p)
    columns = sorted({*contest.features, *scorer.features})
    training = {
        "cut_offs": [str(day) for day in dates],
        "last_cut_off": str(dates[-1]),
        "rows": min(len(whole.table), MAX_TRAINING_ROWS),
        "fingerprint": _fingerprint(whole, columns),
        "versions": {name: version(name) for name in _LIBRARIES},
    }
    bins = {name: fixed_bins(active.column(name)) for name in columns} | {"score": fixed_bins(p)}
    return ChurnModel(method, scorer, holdout_scorer, buying, effects, bins, definition, training, contest.state)


def _fit_diagnostics(contest: _Contest, churned: Booleans, result: ChallengerResult | None) -> list[QualityRow]:
    """What a fit says of itself, whichever model it leads to."""
    state, season = contest.state, contest.season
    rows: list[QualityRow] = [("winner", None, f"{contest.winner} is the best of this fit")]
    if state.challenger:
        rows.append(("wins_in_a_row", float(state.wins), f"of {state.challenger}; three make it published"))
    if contest.leaks:
        rows.append(
            ("left_out_features", float(len(contest.leaks)), f"they know the outcome: {', '.join(contest.leaks)}")
        )
    if season.dates:
        note = "by how much the level of the year before foretells a date's (log-odds); 1: fully"
        rows.append(("season_slope", season.slope, f"{note}; learnt from {season.dates} dates, pulled towards 0"))
    if contest.against_baseline is not None:
        note = f"boosting's squared error less that of the better baseline: {contest.against_baseline}"
        rows.append(("brier_less_baseline", round(contest.against_baseline.mean, 6), note))
    if result is not None:
        rows += result.quality
    for name, p in contest.predicted.items():
        rows += [(f"{metric}_{name}", value, f"{name} alone: {note}") for metric, value, note in measures(churned, p)]
    return rows


def _quality(churned: Booleans, predicted: Floats) -> list[QualityRow]:
    return [
        ("customers", float(len(churned)), "active at the last cut-off with a known outcome"),
        ("base_rate", round(float(churned.mean()), 6), "share of them that churned"),
        *measures(churned, predicted),
    ]


def _model_rows(model: ChurnModel) -> list[QualityRow]:
    has_reasons = model.method != "base_rate"
    explained = "share of the variance of the log-odds of churn that the effects behind the reasons account for"
    shift = model.published.shift
    return [
        ("season_shift", shift, "added to the log-odds of churn for the time of the year; 0: none is known to matter"),
        ("training_rows", float(model.training["rows"]), "customers times cut-offs that the published model knows"),
        *([("reasons_explain", round(model.effects.explained, 6), explained)] if has_reasons else []),
    ]


def _fingerprint(sample: Sample, names: list[str]) -> str:
    """SHA-256 of the rows and features of a fit, in the sample's own order."""
    digest = hashlib.sha256(",".join(names).encode())
    table = sample.table.slice(0, MAX_TRAINING_ROWS)
    for name in names:
        digest.update(floats(table[name]).tobytes())
    digest.update(booleans(table["has_churned"]).tobytes())
    return digest.hexdigest()

"""Batch expectations: what a night delivered, held as a whole against what its sources' contracts expect.

A batch is measured into a profile: a few counts and shares by source, no row of it. Figures come of tonight's profile
and of the last weeks' ones, and great-expectations judges them by the contracts (pipelines.data_docs). An expectation
that can't be judged tonight (too few rows, no earlier nights) is left out.
"""

import shutil
from collections.abc import Iterable, Mapping

import pyarrow as pa

from pipelines.contracts import Contract, Expectation, sources
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import BadDataError
from pipelines.intake.batch_figures import FIGURES, Figure, control_figures, expected, figures_of, repeated_batch
from pipelines.intake.batch_profile import PROFILE, Profile, batch_profile, profile_history
from pipelines.intake.control_totals import read_control_totals
from pipelines.settings import Settings
from pipelines.store.lake import Night

OUTCOME = pa.schema(
    [
        ("source", pa.string()),
        ("expectation", pa.string()),
        ("severity", pa.string()),
        ("is_met", pa.bool_()),
        ("observed", pa.string()),
        ("expected", pa.string()),
        ("advice", pa.string()),
    ]
)


def batch_expectation(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, pa.Table]:
    """Grain: source and expectation that could be judged tonight; and the profiles of the last weeks' batches.

    Raises:
        BadDataError: expectations of severity fail are not met; or the control totals can't be read.
        LoyaltyError: an expectation can't be judged by great-expectations as the contract puts it.
    """
    totals = read_control_totals(settings.landing_dir / f"{night.run_date}")
    history = profile_history(engine, night.run_date)
    profiles: dict[str, Profile] = {}
    figures: dict[str, dict[str, Figure]] = {}
    for name, contract in sources().items():
        state = night.table(name)
        figures[name] = control_figures(contract, state, totals.get(name), night, engine)
        if state.info["is_present"]:
            earlier = history.get(name, {})
            profiles[name] = batch_profile(contract, night, engine, is_first=not earlier)
            figures[name] |= figures_of(profiles[name], earlier, night.run_date)
            figures[name] |= repeated_batch(contract, state, night)
    outcome = _outcome(figures, night, settings)
    kept = [(day, name, profile) for name, days in history.items() for day, profile in days.items()]
    kept += [(night.run_date, name, profile) for name, profile in profiles.items()]
    rows = [
        {"profile_date": day, "source": name, "metric": metric, "value": value}
        for day, name, profile in kept
        for metric, value in profile.items()
    ]
    return {
        "batch_expectation": pa.Table.from_pylist(outcome, OUTCOME),
        "batch_profile": pa.Table.from_pylist(rows, PROFILE),
    }


def _outcome(figures: Mapping[str, dict[str, Figure]], night: Night, settings: Settings) -> list[dict[str, object]]:
    """Have the figures judged, write the Data Docs, and stop the night if they say so."""
    judged = {name: of for name, known in figures.items() if (of := tuple(_judged(sources()[name], known)))}
    folder = settings.home / "quality" / f"{night.run_date}"
    shutil.rmtree(folder, ignore_errors=True)
    met: dict[str, dict[str, bool]] = {}
    if judged:
        from pipelines.intake.data_docs import judge  # great-expectations takes a second or two to import

        met = judge(judged, figures, night.run_date, folder, mode=settings.file_mode, folder_mode=settings.folder_mode)
    outcome: list[dict[str, object]] = [
        {
            "source": name,
            "expectation": expectation.name,
            "severity": expectation.severity,
            "is_met": met[name][expectation.name],
            "observed": figures[name][expectation.figure].words,
            "expected": expected(expectation),
            "advice": expectation.advice,
        }
        for name, expectations in judged.items()
        for expectation in expectations
    ]
    failed = [row for row in outcome if row["severity"] == "fail" and not row["is_met"]]
    if failed:
        raise BadDataError(
            "\n".join(map(in_words, failed)) + f"\nNothing was published. All that was judged: {folder}/index.html"
        )
    return outcome


def in_words(row: Mapping[str, object]) -> str:
    """An expectation that was not met, in a line."""
    return "{source}: expectation {expectation} is not met: {observed}. Expected: {expected} {advice}".format(**row)


def _judged(contract: Contract, figures: Mapping[str, Figure]) -> Iterable[Expectation]:
    """The source's expectations that can be judged tonight."""
    for expectation in contract.expectations:
        figure = figures.get(expectation.figure)
        is_unheard_of = bool(figures) and expectation.figure not in FIGURES
        if is_unheard_of or (figure is not None and figure.rows >= expectation.minimum_rows):
            yield expectation

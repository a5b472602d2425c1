"""Batch expectations: each batch as a whole is compared with what its source's contract expects.

A batch is measured into a profile of a few counts and shares (batch_profile). Figures are worked out of tonight's
profile and those of the last weeks (batch_figures), and great-expectations judges the figures by the contracts
(data_docs). An expectation that can't be judged tonight, for too few rows or earlier nights, is left out.
"""

import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.contracts import Contract, Expectation, sources
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.errors import BadDataError, LoyaltyError
from pipelines.intake.batch_figures import (
    FIGURES,
    Figure,
    control_figures,
    expected,
    figures_of,
    file_names,
    full_load_figures,
    repeated_batch,
    unread_figure,
)
from pipelines.intake.batch_profile import Profile, batch_profile, profile_history, profile_table, rejected_words
from pipelines.intake.control_totals import read_control_totals
from pipelines.intake.deliveries import names_read
from pipelines.intake.landing import unread_files
from pipelines.intake.lost_money import lost_money
from pipelines.intake.replaced import replaced_of_other_days
from pipelines.intake.unmatched import PAIRED, unmatched_rows
from pipelines.settings import Settings
from pipelines.store.home import landing_folder, quality_folder
from pipelines.store.lake import Night

OUTCOME = pa.schema(
    [
        ("source", pa.string()),
        ("expectation", pa.string()),
        ("severity", pa.string()),
        ("is_met", pa.bool_()),
        ("is_accepted", pa.bool_()),
        ("observed", pa.string()),
        ("expected", pa.string()),
        ("advice", pa.string()),
    ]
)


def batch_expectation(engine: DuckDBEngine, night: Night, settings: Settings) -> dict[str, pa.Table]:
    """Grain: source and expectation that could be judged tonight. With it, the profiles of the last weeks' batches.

    Raises:
        BadDataError: Expectations of severity fail are not met, or the control totals can't be read.
        LoyaltyError: Great-expectations can't judge an expectation as the contract words it.
    """
    folder = quality_folder(settings.home, night.run_date)
    shutil.rmtree(folder, ignore_errors=True)
    judged = judge_batches(engine, night, settings, folder)
    if stops := judged.stops():
        raise BadDataError("\n".join([*map(in_words, stops), _what_to_do(stops, night, folder)]))
    return {
        "batch_expectation": pa.Table.from_pylist(judged.outcome, OUTCOME),
        "batch_profile": profile_table(judged.history, judged.profiles, night.run_date),
    }


@dataclass(frozen=True)
class Judged:
    """Tonight's batches as they were judged.

    Attributes:
        outcome: A row for each expectation that could be judged, as OUTCOME has it.
        figures: What was measured, by source and figure.
        profiles: The profiles by source.
        history: Those of earlier nights by source and night.
    """

    outcome: list[dict[str, Any]]
    figures: dict[str, dict[str, Figure]]
    profiles: dict[str, Profile]
    history: dict[str, dict[date, Profile]]

    def stops(self) -> list[dict[str, Any]]:
        """The rows that stop the night: of severity fail, not met, and let pass by nobody."""
        return [
            row for row in self.outcome if row["severity"] == "fail" and not row["is_met"] and not row["is_accepted"]
        ]

    def warnings(self) -> list[dict[str, Any]]:
        """The rows that are not met and do not stop the night."""
        stops = self.stops()
        return [row for row in self.outcome if not row["is_met"] and row not in stops]


def judge_batches(
    engine: DuckDBEngine, night: Night, settings: Settings, docs: Path | None, unreadable: Collection[str] = ()
) -> Judged:
    """Measure tonight's batches, and have them judged.

    Args:
        engine: It has history.batch_profile.
        night: It has every source but those that are unreadable.
        settings: The home's.
        docs: The folder for the Data Docs; None: they are not written.
        unreadable: Sources whose files can't be read, so that nothing is said of them, nor of rows that lack theirs.

    Raises:
        BadDataError: The control totals can't be read.
        LoyaltyError: Great-expectations can't judge an expectation as the contract words it.
    """
    folder = landing_folder(settings, night.run_date)
    totals = read_control_totals(folder)
    unread = unread_files(folder, sources(), names_read(folder, settings))
    history = profile_history(engine, night.run_date)
    profiles: dict[str, Profile] = {}
    figures: dict[str, dict[str, Figure]] = {}
    for name, contract in sources().items():
        if name in unreadable:
            continue
        state = night.table(name)
        figures[name] = control_figures(contract, state, totals.get(name), night, engine)
        if state.info["is_present"]:
            earlier = history.get(name, {})
            profiles[name] = batch_profile(contract, night, engine, is_first=not earlier)
            unmatched, figure = unmatched_rows(name, night, engine) if not {*PAIRED} & {*unreadable} else ({}, {})
            profiles[name] |= unmatched
            figures[name] |= figure
            rejected_by = rejected_words(contract, night, engine)
            figures[name] |= figures_of(profiles[name], earlier, night.run_date, rejected_by, file_names(state))
            figures[name] |= lost_money(contract, night, engine, rejected_by)
            figures[name] |= full_load_figures(contract, state, night, engine)
            figures[name] |= repeated_batch(contract, state, night)
            figures[name] |= replaced_of_other_days(contract, night, engine)
            figures[name] |= unread_figure(state, [file for file in unread if file.source == name])
    return Judged(_outcome(figures, night, settings, docs), figures, profiles, history)


def _outcome(
    figures: Mapping[str, dict[str, Figure]], night: Night, settings: Settings, docs: Path | None
) -> list[dict[str, Any]]:
    """Have the figures judged, and write the Data Docs, if they are wanted."""
    found = {name: tuple(_that_can_be_judged(sources()[name], known)) for name, known in figures.items()}
    expectations = {name: of_source for name, of_source in found.items() if of_source}
    met: dict[str, dict[str, bool]] = {}
    if expectations:
        from pipelines.intake.data_docs import judge  # great-expectations takes a second or two to import

        modes = {"mode": settings.file_mode, "folder_mode": settings.folder_mode}
        met = judge(expectations, figures, night.run_date, docs, **modes)
    return [
        {
            "source": name,
            "expectation": expectation.name,
            "severity": expectation.severity,
            "is_met": met[name][expectation.name],
            "is_accepted": not met[name][expectation.name] and f"{name}.{expectation.name}" in night.accepted,
            "observed": figures[name][expectation.figure].words,
            "expected": expected(expectation),
            "advice": expectation.advice,
        }
        for name, of_source in expectations.items()
        for expectation in of_source
    ]


def in_words(row: Mapping[str, object]) -> str:
    """One line for an expectation that is not met."""
    said = "{source}: expectation {expectation} is not met: {observed}. Expected: {expected} {advice}".format(**row)
    return f"{said} It was accepted for this night (--accept)." if row.get("is_accepted") else said


def _what_to_do(failed: Sequence[Mapping[str, object]], night: Night, folder: Path) -> str:
    """Where to look, and how to let the night pass, after expectations that stopped it."""
    return (
        f"Nothing was published. All that was judged: {folder}/index.html; the rejected rows: loyalty rejected --date "
        f"{night.run_date}. {how_to_accept(failed, night.run_date)}"
    )


def how_to_accept(failed: Sequence[Mapping[str, object]], run_date: date) -> str:
    """How to let a night pass that these expectations stop."""
    accept = " ".join(f"--accept {row['source']}.{row['expectation']}" for row in failed)
    return f"If the data are right as they are, let this one night pass: loyalty run --date {run_date} {accept}"


def check_accepted(rules: Iterable[str]) -> tuple[str, ...]:
    """The expectations that a person lets pass, as source.name, each once.

    Raises:
        LoyaltyError: There is no such expectation; the message gives the nearest name.
    """
    known = [f"{name}.{expectation.name}" for name, of in sources().items() for expectation in of.expectations]
    accepted = tuple(dict.fromkeys(rules))
    for rule in accepted:
        if rule not in known:
            nearest = get_close_matches(rule, known, n=1, cutoff=0)
            raise LoyaltyError(
                f"no expectation is named {rule!r}; the nearest is {nearest[0]}. Give the source and the expectation "
                "as the message of the stopped night names them."
            )
    return accepted


def _that_can_be_judged(contract: Contract, figures: Mapping[str, Figure]) -> Iterable[Expectation]:
    """The source's expectations that can be judged tonight."""
    for expectation in contract.expectations:
        figure = figures.get(expectation.figure)
        is_unknown = bool(figures) and expectation.figure not in FIGURES
        if is_unknown or (figure is not None and figure.rows >= expectation.minimum_rows):
            yield expectation

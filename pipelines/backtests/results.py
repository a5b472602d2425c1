"""The rows of the tables backtest and backtest_quality that one forecast's outcome gives."""

from dataclasses import asdict
from typing import Any

from models.evaluation.backtest import by_group, metrics
from models.evaluation.calibration import calibration_quality
from pipelines.backtests.outcomes import ROSE_A_TIER, ForecastOutcome


def group_rows(outcome: ForecastOutcome) -> list[dict[str, Any]]:
    """Rows of the table backtest: mean forecast, outcome and baseline of each group of customers."""
    frame = by_group(outcome.customers)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [outcome.key | {str(name): value for name, value in row.items()} for row in rows]


def quality_rows(outcome: ForecastOutcome) -> list[dict[str, Any]]:
    """Rows of the table backtest_quality: how many customers there are, then each metric of the forecast."""
    count, key = len(outcome.customers), outcome.key
    about = f"forecast of {key['as_of_date']} ({key['kind']}) for {key['window_days']} days"
    selection = f"; {outcome.selection}" if outcome.selection else ""
    note = f"judged{selection}; {about}" if count else f"no customer has a {about}: {outcome.reason}"
    rows = [
        {"metric": "customers", "value": float(count), "baseline_value": None, "beats_baseline": None, "note": note}
    ]
    for found in metrics(outcome.customers, outcome.measure.scale):
        baseline = "" if found.baseline_value is None else f"; without a model {found.baseline_value:g}"
        note = f"{outcome.measure.unit}: {found.note}{baseline}; {about}"
        rows.append({**asdict(found), "note": note})
    if outcome.measure is ROSE_A_TIER and count:
        happened, predicted = outcome.customers["actual"].to_numpy(bool), outcome.customers["predicted"].to_numpy(float)
        for metric, value, said in calibration_quality(happened, predicted):
            found_row: dict[str, Any] = {"metric": metric, "value": value, "note": f"{said}; tier, {about}"}
            rows.append({**found_row, "baseline_value": None, "beats_baseline": None})
    return [key | row for row in rows]

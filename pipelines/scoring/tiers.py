"""Programme tiers: each member's tier tonight, how far the next one is, and how likely they rise or fall by the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa

from models.clv.parameters import ClvParameters, spend_from_json
from models.clv.reach import Buyers, days_reached, money_reached
from models.columns import floats
from models.types import Booleans, Floats, QualityRow
from pipelines.catalog import query
from pipelines.engines.duckdb import DuckDBEngine
from pipelines.scoring.clv_total import Components, NightTotal, buying_parameters, night_total
from pipelines.scoring.fitting import Tables, model_components, quality_rows
from pipelines.scoring.tier_file import TierFile, TierRules, tier_file
from pipelines.settings import Settings
from pipelines.store.lake import Night

AMOUNT = pa.decimal128(38, 3)
_TIER = pa.schema(
    [
        ("customer_id", pa.string()),
        ("basis", pa.string()),
        ("period_start", pa.date32()),
        ("period_end", pa.date32()),
        ("qualifying_amount", AMOUNT),
        ("last_period_amount", AMOUNT),
        ("tier", pa.string()),
        ("next_tier", pa.string()),
        ("distance_to_next_tier", AMOUNT),
        ("amount_to_keep", AMOUNT),
        ("p_rise", pa.float64()),
        ("p_fall", pa.float64()),
        ("reason", pa.string()),
    ]
)
# A season in which nothing is sold at all still leaves time something to pass.
LEAST_FACTOR = 0.01


@dataclass(frozen=True)
class Period:
    """The days whose amounts count, and those of the last period, whose tier holds until this one ends."""

    start: date
    end: date
    last_start: date
    last_end: date


def period_of(rules: TierRules, day: date) -> Period:
    """The period that a day lies in.

    A calendar year comes after the last one. Of rolling months the current one is the last, and the last period ended
    with the month before it. So a tier that is reached holds for the rest of the period and for the next one.
    """
    months = rules.rolling_months
    if months is None:
        first, last = date(day.year, 1, 1), date(day.year - 1, 1, 1)
        return Period(first, date(day.year, 12, 31), last, first - timedelta(1))
    month = day.year * 12 + day.month - 1
    first_of = [_first_day(month + step) for step in (-months, 1 - months, 0, 1)]
    return Period(first_of[1], first_of[3] - timedelta(1), first_of[0], first_of[2] - timedelta(1))


def _first_day(month: int) -> date:
    """Of a month, counted from the year 0."""
    return date(month // 12, month % 12 + 1, 1)


def customer_tier(engine: DuckDBEngine, night: Night, settings: Settings) -> Tables:
    """Grain: member. Tier, distance and probabilities; and the rows of tier_fit. Both are empty without a tier file."""
    file = tier_file(settings)
    rows = _file_rows(file)
    if file.rules is None:
        return {"customer_tier": _TIER.empty_table(), "tier_fit": quality_rows("tier", rows, night.run_date)}
    return {
        "customer_tier": tiers_by(file.rules, engine, night.run_date, settings),
        "tier_fit": quality_rows("tier", rows, night.run_date),
    }


def _file_rows(file: TierFile) -> list[QualityRow]:
    """What model_quality says of the tier file; nothing if there is none."""
    if file.faults:
        note = f"alarm; no member has a tier until this is mended: {'; '.join(file.faults)}"
        return [("file_faults", float(len(file.faults)), note)]
    if file.rules is None:
        return []
    named = ", ".join(f"{tier.name} from {tier.threshold}" for tier in file.rules.tiers)
    return [("tiers", float(len(file.rules.tiers)), f"by {file.rules.basis} of {file.rules.period}: {named}")]


def tiers_by(rules: TierRules, engine: DuckDBEngine, day: date, settings: Settings) -> pa.Table:
    """The rows of customer_tier as of a day.

    The engine has customer, customer_day, customer_purchase_pattern, points_entry, clv_model and service_account.
    """
    period = period_of(rules, day)
    _register_rules(engine, rules, period, day)
    members = engine.arrow(query("fits/tier_member"))
    chances = _chances(members, rules, (period.end - day).days, engine, day, settings)
    return pa.table(members.select(_TIER.names[:10]).columns + chances, schema=_TIER)


def _chances(
    members: pa.Table, rules: TierRules, horizon: int, engine: DuckDBEngine, day: date, settings: Settings
) -> list[pa.Array]:
    """p_rise, p_fall and reason, an entry a member. What the amounts say alone needs no model."""
    distance, keep = (floats(members[name]) for name in ("distance_to_next_tier", "amount_to_keep"))
    rise, fall = np.full(len(members), np.nan), np.where(keep == 0, 0.0, np.nan)
    reasons = np.full(len(members), None, dtype=object)
    if horizon == 0:
        rise, fall = np.where(np.isnan(distance), np.nan, 0.0), np.where(np.isnan(keep), np.nan, keep > 0)
    else:
        model = model_components(engine, "clv_model")
        unknown = _why_unknown(rules, model)
        bought = np.isfinite(floats(members["frequency"])) & (unknown is None)
        if bought.any():
            amounts = [np.where(amount > 0, amount, 1.0)[bought] for amount in (distance, keep)]
            up, kept = _reached(members.filter(pa.array(bought)), rules, amounts, horizon, model, engine, day, settings)
            rise[bought] = np.where(np.isnan(distance[bought]), np.nan, up)
            fall[bought] = np.where(keep[bought] > 0, 1 - kept, fall[bought])
        is_missing = (np.isfinite(distance) & np.isnan(rise)) | (np.isfinite(keep) & np.isnan(fall))
        reasons[is_missing] = unknown or "no_purchase"
    probabilities = [pa.array(p.clip(0.0, 1.0).round(6) + 0.0, pa.float64(), from_pandas=True) for p in (rise, fall)]
    return [*probabilities, pa.array(reasons, pa.string())]


def _why_unknown(rules: TierRules, model: Components) -> str | None:
    """Why nobody has a probability; None: those who have bought have."""
    if rules.basis == "points_earned":
        return "no_points_forecast"
    needed = {"buying", "spend"} if rules.basis == "spend" else {"buying"}
    return None if needed <= model.keys() else "no_model"


def _reached(
    members: pa.Table,
    rules: TierRules,
    amounts: list[Floats],
    horizon: int,
    model: Components,
    engine: DuckDBEngine,
    day: date,
    settings: Settings,
) -> list[Floats]:
    """Probabilities of members who have bought to add at least so much by the end of the horizon.

    Season and trend, by which the forecast total of purchases in the horizon differs from the plain model's, make time
    pass faster or slower: the horizon is multiplied by that factor. The young have their own fit, if there is one.
    """
    total = night_total(model, engine, day, settings.model_copy(update={"clv_horizons": (horizon,)}))
    spend = spend_from_json(model["spend"]["parameters"]) if "spend" in model else None
    names = ("frequency", "recency_days", "age_days", "repeat_revenue")
    columns = [np.nan_to_num(floats(members[name])) for name in names]
    found = [np.zeros(len(members)) for _ in amounts]
    for parameters, factor, rows in _parts(model, total, columns[2]):
        buyers = Buyers(*(column[rows] for column in columns))
        wanted = [amount[rows] for amount in amounts]
        if rules.basis == "spend" and spend is not None:
            reached = money_reached(parameters, spend, buyers, horizon * factor, wanted)
        else:
            reached = days_reached(parameters, buyers, horizon * factor, wanted)
        for one, of_rows in zip(found, reached, strict=True):
            one[rows] = of_rows
    return found


def _parts(
    model: Components, total: NightTotal | None, age_days: Floats
) -> Iterator[tuple[ClvParameters, float, Booleans]]:
    """Parameters of buying, the total's factor, and who buys so: the young, and all others."""
    buying, young = buying_parameters(model), buying_parameters(model, "young")
    if buying is None or total is None:
        return
    is_young = age_days < (total.young_below if young is not None else 0)
    if not is_young.all():
        yield buying, max(total.published.factor, LEAST_FACTOR), ~is_young
    if young is not None and total.young is not None and is_young.any():
        yield young, max(total.young.factor, LEAST_FACTOR), is_young


def _register_rules(engine: DuckDBEngine, rules: TierRules, period: Period, day: date) -> None:
    """Register tier_period, a row with the days that count, and tier_step, a row for each tier and for below all."""
    days = {
        "run_date": day,
        "period_start": period.start,
        "period_end": period.end,
        "last_start": period.last_start,
        "last_end": period.last_end,
    }
    dates = {name: pa.array([value], pa.date32()) for name, value in days.items()}
    engine.register_arrow("tier_period", pa.table({"basis": pa.array([rules.basis]), **dates}))
    steps: list[tuple[str | None, Decimal]] = [(tier.name, tier.threshold) for tier in rules.tiers]
    if rules.tiers[0].threshold > 0:
        steps.insert(0, (None, Decimal(0)))
    above = [*steps[1:], (None, None)]
    columns = zip(*((*step, *following) for step, following in zip(steps, above, strict=True)), strict=True)
    types = {"tier": pa.string(), "from_amount": AMOUNT, "next_tier": pa.string(), "next_amount": AMOUNT}
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types.values(), strict=True)]
    engine.register_arrow("tier_step", pa.table(arrays, names=list(types)))

"""config/targets.yaml: a retailer's plan of key figures and growth targets, or each fault with its line."""

import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from pipelines.intake.mapping.words import unknown
from pipelines.settings import ROOT
from pipelines.tables.calendar import periods_of
from pipelines.yaml_lines import Fault, Lines, Place, UnreadableYamlError, read_yaml

SHIPPED = ROOT / "config" / "targets.yaml"
# The figures of kpi_period that can be planned. Of sums the days add up to the period; counts are of the whole period
# (one customer may buy on many of its days); states are those of its last day.
SUMS = (
    *("revenue", "member_revenue", "anonymous_revenue", "sale_revenue", "member_sale_revenue", "gross_margin"),
    *("receipts", "return_receipts", "member_receipts", "orders", "sale_lines", "quantity"),
    *("new_members", "points_earned", "points_spent"),
)
COUNTS = (
    *("new_revenue", "returning_revenue"),
    *("buyers", "member_buyers", "new_buyers", "returning_buyers", "repeat_buyers", "reactivated_buyers"),
    *("churned_members", "benefit_users", "earning_members", "spending_members"),
)
STATES = ("members", "active_members")
SHARES = (
    *("active_rate", "churn_rate", "participation_rate", "participation_revenue_rate", "repeat_rate"),
    *("reactivation_rate", "activity_rate", "buying_activity_rate"),
)
RATES = (
    *SHARES,
    *("orders_per_member_buyer", "average_order_value", "average_receipt", "items_per_receipt"),
    *("categories_per_customer", "redemption_rate", "redemption_member_rate"),
)
METRICS = (*SUMS, *COUNTS, *STATES, *RATES)
GROWTH_METRICS = ("revenue", "orders", "buyers", "average_receipt", "average_order_value", "purchase_frequency")
CUTS = ("store", "channel", "region", "category", "segment", "acquisition_source")
# Each kind of period: how it is written, an example, and what makes it a date's text.
PERIODS = {
    "day": (re.compile(r"\d{4}-\d{2}-\d{2}"), "2025-07-01", ""),
    "week": (re.compile(r"\d{4}-W\d{2}"), "2025-W27", "-1"),
    "month": (re.compile(r"\d{4}-\d{2}"), "2025-07", "-01"),
}
YEARS = range(2000, 2101)  # outside, a year is a slip
MOST = 1_000_000_000_000  # a float holds every cent below
DECIMALS = 6  # of plan_actual's figures
_BASE = re.compile(r"(\d{4}-\d{2})(?:\s+to\s+(\d{4}-\d{2}))?")
_PERCENT = re.compile(r"\+?(\d{1,4}(?:\.\d{1,4})?)\s*%")
_SENTENCE = "whole_sentence"


def _sentence(text: str) -> PydanticCustomError:
    """An error whose text is all that there is to say."""
    return PydanticCustomError(_SENTENCE, "{text}", {"text": text})


def _one_of(what: str, known: Collection[str]) -> BeforeValidator:
    def read(value: object) -> object:
        name = "_".join(value.split()) if isinstance(value, str) else value
        if name not in known:
            raise _sentence(unknown(value, what, known, len(known)))
        return name

    return BeforeValidator(read)


def _reader(read: Callable[[Any], Any]) -> BeforeValidator:
    """A value's reader, that leaves out what has no value: for that there is a sentence already."""
    return BeforeValidator(lambda value: value if value is None else read(value))


def _text(value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        raise _sentence(f"{value!r} is no text; write it in quotes, with all its zeros, like '0012'")
    return value


def _number(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _sentence(f"{value!r} is no number; write it plainly, like 120000.00, without blanks, signs or quotes")
    if not math.isfinite(value):
        raise _sentence(f"{value} is no finite number")
    if value > MOST:
        raise _sentence(f"{value} is too large; the most is {MOST}")
    if value < 0:
        raise _sentence(f"{value} is below 0; a plan can't be")
    number = Decimal(f"{value}")
    if round(number, DECIMALS) != number:
        raise _sentence(f"{value} has more than {DECIMALS} decimals")
    return number


def _percent(value: object) -> Decimal:
    found = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if isinstance(value, Decimal):
        return value
    if found is None or not float(found[1]):
        raise _sentence(f"{value!r} is no growth; write it above 0 and with %, like +20 %")
    return Decimal(found[1]) / 100


def period_start(kind: str, text: object) -> date | None:
    """The first day of a day, week or month as the file writes it; None if it is none."""
    pattern, _, rest = PERIODS[kind]
    try:
        start = date.fromisoformat(f"{text}{rest}") if pattern.fullmatch(f"{text}") else None
    except ValueError:
        return None
    return start if start and start.year in YEARS else None


def _month(value: object) -> date:
    start = value if isinstance(value, date) else period_start("month", value)
    if start is None:
        raise _sentence(f"{value!r} is no month; write it like 2025-07")
    return start


def _base(value: object) -> tuple[date, date]:
    if isinstance(value, tuple):
        return value
    found = _BASE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise _sentence(f"{value!r} are no months; write them like 2025-04 to 2025-06, or one like 2025-06")
    first, last = _month(found[1]), _month(found[2] or found[1])
    if last < first:
        raise _sentence(f"{value!r} ends before it begins")
    return first, last


class Plan(BaseModel):
    """What is planned of one figure; the file's comments explain the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Annotated[str, _one_of("key figure that can be planned", METRICS)]
    by: Annotated[str, _one_of("cut", CUTS)] | None = None
    value: Annotated[str, _reader(_text)] | None = None
    period: Annotated[str, _one_of("kind of period", tuple(PERIODS))]
    values: Annotated[dict[Any, Annotated[Decimal, _reader(_number)]], Field(min_length=1)]


class Growth(BaseModel):
    """By how much a figure shall rise. `base` are the first days of its first and last month."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    metric: Annotated[str, _one_of("key figure that can grow", GROWTH_METRICS)]
    by: Annotated[Decimal, _reader(_percent)]
    base: Annotated[tuple[date, date], _reader(_base)]
    until: Annotated[date, _reader(_month)]


def _entries(value: object) -> object:
    return [] if value is None else value


class Targets(BaseModel):
    """A whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plan: Annotated[tuple[Plan, ...], BeforeValidator(_entries)] = ()
    growth: Annotated[tuple[Growth, ...], BeforeValidator(_entries)] = ()


_NONE = Targets()


class Planned(NamedTuple):
    """A planned figure of one period."""

    metric: str
    cut: str
    cut_value: str
    period: str
    period_start: date
    period_end: date
    plan_value: Decimal

    @property
    def key(self) -> tuple[object, ...]:
        return self[:5]


@dataclass(frozen=True)
class TargetFile:
    """A file of targets as a night uses it: what is planned, or nothing where there are faults."""

    targets: Targets = _NONE
    faults: tuple[Fault, ...] = ()

    @property
    def planned(self) -> list[Planned]:
        return [planned for plan in self.targets.plan for _, planned in _periods(plan)]


def read_target_file(path: Path, content: bytes | None = None) -> TargetFile:
    """What a file of targets says. The shipped file need not be there; one that a setting names must be.

    Args:
        path: The YAML file; what faults name.
        content: What to read in the file's place: the copy that a night kept.
    """
    if content is None and path == SHIPPED and not path.exists():
        return TargetFile()
    try:
        raw, lines = read_yaml(path, content)
    except UnreadableYamlError as error:
        hint = "" if content is not None or path.exists() else "; LOYALTY_TARGETS says where the targets are"
        return TargetFile(faults=(Fault(path, error.line, (), f"{error}{hint}"),))
    raw = {} if raw is None else raw
    problems = [(place, "is there twice; which one counts?") for place in lines.repeated]
    try:
        targets = Targets.model_validate(raw)
        problems += [*_problems_of_plans(targets, lines), *_problems_of_growth(targets)]
    except ValidationError as error:
        problems += [(tuple(_step(step) for step in e["loc"]), _in_words(e)) for e in error.errors()]
    faults = [Fault(path, lines.line(place), place, message) for place, message in problems]
    if faults:
        return TargetFile(faults=tuple(sorted(faults, key=lambda fault: fault.line or 0)))
    return TargetFile(targets)


def _step(step: str | int) -> str | int:
    """A step of a place as the file's lines know it: keys that look like numbers are text there."""
    return step if isinstance(step, int) and step < YEARS.start else f"{step}"


def _periods(plan: Plan) -> Iterator[tuple[object, Planned]]:
    """A plan's figures with the keys that they stand under; not those of keys that are no periods."""
    for key, value in plan.values.items():
        if start := period_start(plan.period, key):
            end = next(end for kind, _, end in periods_of(start) if kind == plan.period)
            cut, cut_value = plan.by or "all", plan.value or "all"
            yield key, Planned(plan.metric, cut, cut_value, plan.period, start, end, value)


def _problems_of_plans(targets: Targets, lines: Lines) -> Iterator[tuple[Place, str]]:
    """Fields that don't go together, keys that are no periods, and what is planned twice."""
    seen: dict[tuple[object, ...], Place] = {}
    for number, plan in enumerate(targets.plan):
        place: Place = ("plan", number)
        if (plan.by is None) != (plan.value is None):
            yield place, "by: and value: belong together, like by: store and value: S01"
        known = dict(_periods(plan))
        for key, value in plan.values.items():
            within: Place = (*place, "values", f"{key}")
            if key not in known:
                yield within, f"{str(key)!r} is no {plan.period}; write it like {PERIODS[plan.period][1]}"
            elif (earlier := seen.setdefault(known[key].key, within)) != within:
                yield within, f"is planned on line {lines.line(earlier)}, too; which one counts?"
            if plan.metric in SHARES and value > 1:
                yield within, f"{value} is above 1; {plan.metric} is a share: 52 % is 0.52"


def _problems_of_growth(targets: Targets) -> Iterator[tuple[Place, str]]:
    seen = set()
    for number, growth in enumerate(targets.growth):
        key = (growth.metric, growth.base, growth.until)
        if key in seen:
            yield ("growth", number), f"is a second target of {growth.metric} with the same base and until"
        seen.add(key)
        if growth.until <= growth.base[1]:
            yield ("growth", number, "until"), f"{growth.until:%Y-%m} is not after the base"


def _model_of(loc: Place) -> type[BaseModel]:
    """What a field is in."""
    if len(loc) == 1:
        return Targets
    return Plan if loc[0] == "plan" else Growth


def _in_words(error: ErrorDetails) -> str:
    """What is wrong with a value, and what is allowed."""
    given, loc = error["input"], error["loc"]
    match error["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return unknown(loc[-1], "field", _model_of(loc).model_fields)
        case kind if kind == _SENTENCE:
            return f"{error['ctx']['text']}"
        case _ if given is None:
            return "has no value; write one, or take the line out"
        case "too_short":
            return "is empty; write at least one period, like 2025-07: 120000.00"
        case "dict_type":
            return "has no periods; write each on a line of its own, like 2025-07: 120000.00"
        case "tuple_type":
            return "is no list; begin each entry on a line of its own with - metric:"
        case kind if kind.startswith("model"):
            what = "fields" if loc else "plan: and growth:"
            return f"has no {what}; write each on a line of its own, with : after its name"
        case _:
            return f"{given!r}: {error['msg'][0].lower()}{error['msg'][1:]}"

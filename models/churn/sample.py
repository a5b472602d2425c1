"""The rows that churn is fitted on: which features are usable, and whether there are enough rows."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.metrics import roc_auc_score

from models.churn.model import BASELINES, Method
from models.columns import as_table, booleans, floats, is_numeric
from models.types import Booleans, Floats, Rows

NOT_FEATURES = (
    *("customer_id", "as_of_date", "run_date", "is_active"),
    *("has_churned", "spend_next", "spend_last_complete"),  # what came later
    *("revenue_90d", "revenue_365d"),  # returns on their own dates; net spend has them on their sale's
    *("order_day_count_365d", "spend_last", "spend_before"),  # of spend growth; churn has as much in other windows
)


# Ten of the rarer outcome for each of a baseline's two parameters (Peduzzi et al. 1996).
MIN_OF_EACH_CLASS = 20


MAX_TRAINING_ROWS = 60_000


# A feature that predicts the outcome almost by itself knows the future.
LEAK_AUC = 0.98


LEAK_ROWS = 10_000


@dataclass(frozen=True)
class Sample:
    """Labelled customers of some cut-offs, in a stable order that is random to everything else."""

    table: pa.Table

    @property
    def churned(self) -> Booleans:
        return booleans(self.table["has_churned"])

    @property
    def active(self) -> Booleans:
        return booleans(self.table["is_active"].fill_null(False))

    @property
    def date(self) -> Any:
        """The cut-off, of a sample of one."""
        return self.table["as_of_date"][0].as_py()

    def only(self, rows: Booleans) -> "Sample":
        return Sample(self.table.filter(pa.array(rows)))

    def of(self, *dates: Any) -> "Sample":
        column = self.table["as_of_date"]
        return Sample(self.table.filter(pc.is_in(column, pa.array(dates, column.type))))

    def column(self, name: str) -> Floats:
        return floats(self.table[name])

    def least_of_a_class(self) -> int:
        """Active customers in the rarer of the two classes."""
        labels = self.churned[self.active]
        return int(min(labels.sum(), (~labels).sum()))


def labelled_sample(features: Rows, seed: int) -> Sample:
    """The labelled rows, by md5 of seed and customer, a customer's by date."""
    table = as_table(features)
    table = table.filter(table["has_churned"].is_valid())
    ids = table["customer_id"].combine_chunks().dictionary_encode()
    digests = np.array(
        [hashlib.md5(f"{seed}:{name}".encode(), usedforsecurity=False).digest() for name in ids.dictionary.to_pylist()],
        dtype="S16",
    )
    order = np.lexsort(
        (floats(table["as_of_date"].cast(pa.date32()).cast(pa.int32())), digests[ids.indices.to_numpy()])
    )
    return Sample(table.take(pa.array(order)))


def usable_features(sample: Sample) -> tuple[tuple[str, ...], list[str]]:
    """All numeric and boolean columns but keys and labels, by name; and those left out as they know the label.

    A column that is hardly ever known is left out, too: the trees can't take a column of NULLs. The baselines' columns
    are trusted to know the past alone.
    """
    table = sample.table.slice(0, MAX_TRAINING_ROWS)
    names = sorted(
        item.name
        for item in table.schema
        if item.name not in NOT_FEATURES
        and is_numeric(item.type)
        and np.isfinite(floats(table[item.name])).sum() >= MIN_OF_EACH_CLASS
    )
    active = Sample(table.filter(table["is_active"]).slice(0, LEAK_ROWS))
    leaks = [name for name in names if name not in BASELINES and _is_leak(active.column(name), active.churned)]
    return tuple(name for name in names if name not in leaks), leaks


def _is_leak(values: Floats, churned: Booleans) -> bool:
    if churned.all() or not churned.any():
        return False
    area = float(roc_auc_score(churned, np.where(np.isnan(values), -np.inf, values).clip(-1e300, 1e300)))
    return max(area, 1 - area) >= LEAK_AUC


def possible_methods(names: tuple[str, ...], *samples: Sample) -> list[Method]:
    """The methods that can be fitted: a baseline whose column is known of everybody, boosting if it has features."""
    baselines: list[Method] = [
        name
        for name in BASELINES
        if all(name in sample.table.column_names and np.isfinite(sample.column(name)).all() for sample in samples)
    ]
    return [*baselines, "gradient_boosting"] if names else baselines


def is_enough(sample: Sample) -> bool:
    """Whether active customers of either outcome are enough to learn from."""
    return len(sample.table) > 0 and sample.least_of_a_class() >= MIN_OF_EACH_CLASS


def sample_problem(by_date: list[Sample], earlier: list[Sample]) -> str | None:
    """Why nothing can be fitted, in words.

    Args:
        by_date: one sample a cut-off, ascending.
        earlier: those before the last that are enough.
    """
    if len(by_date) < 2:
        return "the history is too short for two dates with a known outcome"
    later = by_date[-1]
    if not is_enough(later):
        active = later.active
        return (
            f"at {later.date} {int(active.sum())} customers were active, of whom "
            f"{int(later.churned[active].sum())} left; {MIN_OF_EACH_CLASS} of either outcome are needed"
        )
    if not earlier:
        return f"at no date before {later.date} {MIN_OF_EACH_CLASS} active customers left and as many stayed"
    if not possible_methods(usable_features(earlier[-1])[0], *earlier, later):
        return "there is no numeric feature to learn from"
    return None

"""Nights of batches, and what was judged of them; for tests of batch expectations."""

from collections.abc import Sequence
from datetime import date, timedelta

from pipelines.contracts import sources

NIGHTS = [f"{date(2025, 6, 30) + timedelta(n)}" for n in range(60)]  # Monday is the first
ONLY = frozenset({*sources(), "batch_expectation"})


def receipts(night: str, count: int, header: str = "receipt_id,issued_at,total_amount", tail: str = ",5") -> str:
    """An extract of one day; ids are of the day."""
    return f"{header}\n" + "".join(f"{night}-{n},{night}T12:00:00{tail}\n" for n in range(count))


def load(retailer, night: str, accept: Sequence[str] = ()):
    return retailer.load(night, upto=("staging", "facts"), only=ONLY, accept=accept)


def judged(retailer, night, source: str = "receipts") -> dict[str, tuple[str, bool, str]]:
    """Severity, whether it is met, and what was seen, by expectation."""
    rows = retailer.rows(night, "batch_expectation", "source, expectation, severity, is_met, observed")
    return {name: (severity, is_met, seen) for of, name, severity, is_met, seen in rows if of == source}


def not_met(retailer, night) -> list[tuple[str, str]]:
    rows = retailer.rows(night, "batch_expectation", "source, expectation, is_met")
    return [(source, name) for source, name, is_met in rows if not is_met]

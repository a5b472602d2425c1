"""What a home keeps of an erasure: its state while it is not finished, then a record without personal data."""

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.intake.erased import Rewritten, blanked_rows, keep_blanked, read_erased
from pipelines.privacy.person import Person
from pipelines.store.files import write_atomically
from pipelines.store.lake import Lake


@dataclass
class Erasure:
    """One person's erasure: the request's name, the person, rows to change by file, and extracts rewritten so far.

    `rows` are the numbers of their rows in files that a mapping reads, by file; the record does not have them.
    """

    request: str
    person: Person
    shared: int = 0
    changes: dict[str, int] = field(default_factory=dict)
    landing: dict[str, Rewritten] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)

    def to_json(self) -> bytes:
        content = {"request": self.request, "person": self.person.to_json(), "shared": self.shared}
        content |= {"changes": self.changes, "landing": {name: asdict(new) for name, new in self.landing.items()}}
        content["rows"] = self.rows
        return json.dumps(content).encode()

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Erasure":
        landing = {name: Rewritten(**new) for name, new in content["landing"].items()}
        return cls(**{**content, "person": Person.from_json(content["person"]), "landing": landing})


def _state_file(lake: Lake, erasure: Erasure) -> Path:
    return lake.erasures / f"{erasure.request}.open.json"


def open_erasure(lake: Lake, customer: str) -> Erasure | None:
    """The unfinished erasure of the person who has this id, if there is one."""
    for path in sorted(lake.erasures.glob("*.open.json")):
        known = Erasure.from_json(json.loads(path.read_bytes()))
        if customer in known.person.ids:
            return known
    return None


def keep_open(lake: Lake, erasure: Erasure) -> None:
    """Save how far an erasure has come."""
    write_atomically(_state_file(lake, erasure), erasure.to_json())


def write_record(lake: Lake, erasure: Erasure) -> None:
    """Put the record of a finished erasure in the place of its state; customers are salted hashes in it."""
    erased = read_erased(lake)
    record = {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "customers": sorted(map(erased.hash, erasure.person.ids)),
        "changes": erasure.changes,
        "landing": {name: asdict(new) for name, new in sorted(erasure.landing.items())},
    }
    if blanked := blanked_rows(lake):
        gone = {new.old_sha256 for new in erasure.landing.values()}
        keep_blanked(lake, {digest: found for digest, found in blanked.items() if digest not in gone})
    write_atomically(lake.erasures / f"{erasure.request}.json", json.dumps(record, indent=1).encode())
    _state_file(lake, erasure).unlink()

"""A home whose nights made deliveries of nothing but a file each, some of which wait for a person."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.settings import Settings
from pipelines.store.deliveries import Delivery, DeliveryNote
from pipelines.store.lake import Lake, Night
from pipelines.store.manifest import TableState

DELIVERY = pa.schema(
    [
        *((name, pa.string()) for name in ("campaign_id", "channel", "target", "held_reason")),
        ("list_date", pa.date32()),
        *((name, pa.int64()) for name in ("delivery_number", "listed_count", "removed_count")),
    ]
)
HOLD = pa.schema([("campaign_id", pa.string()), ("reason", pa.string())])


class HeldHome:
    """Nights of a home: each campaign's list left, or waits for the reason that is given."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        settings.home.mkdir(exist_ok=True)
        self.lake = Lake(settings.home)

    def night(self, day: str, faults: dict[str, str] | None = None, **reasons: str | None) -> dict[str, Delivery]:
        """Make and publish a night: by campaign why its list waits, None if it leaves; faults have no list."""
        draft = self.lake.open_night(date.fromisoformat(day), day)
        made = {name: self._delivery(draft.run_date, name, reason) for name, reason in reasons.items()}
        rows = [
            {
                "campaign_id": name,
                "channel": "email",
                "list_date": draft.run_date,
                "delivery_number": delivery.number,
                "target": "unisender",
                "listed_count": 1200,
                "removed_count": 3,
                "held_reason": delivery.note.held,
            }
            for name, delivery in made.items()
        ]
        held = {name: f"campaign {name}: {reason}" for name, reason in reasons.items() if reason}
        holds = [{"campaign_id": name, "reason": why} for name, why in {**held, **(faults or {})}.items()]
        self._add(draft, "campaign_delivery", pa.Table.from_pylist(rows, schema=DELIVERY))
        self._add(draft, "campaign_hold", pa.Table.from_pylist(holds, schema=HOLD))
        draft.commit("test", {}, draft.tables())
        draft.finish()
        self._publish(day)
        return made

    def _delivery(self, run_date: date, name: str, reason: str | None) -> Delivery:
        folder = self.lake.deliveries.new_folder(name)
        (folder / "files").mkdir()
        (folder / "files" / "email.csv").write_text("email\nann@example.org\n")
        (folder / "files" / "manifest.json").write_text('{"channels": []}')
        held = f"campaign {name}: {reason}" if reason else None
        delivery = self.lake.deliveries.add(folder, DeliveryNote(campaign_id=name, run_date=run_date, held=held))
        if reason is None:
            sent = self.settings.home / "exports" / f"{run_date}"
            sent.mkdir(parents=True, exist_ok=True)
            self.lake.deliveries.send(delivery, sent / name)
        return delivery

    def _add(self, draft: Night, table: str, rows: pa.Table) -> None:
        path = draft.new_file(table)
        pq.write_table(rows, path)
        draft.add(table, TableState(data_files=(draft.data_file(path, len(rows)),)))

    def _publish(self, day: str) -> None:
        dated: Path = self.settings.home / f"warehouse.{day}.duckdb"
        dated.touch()
        (shown := self.settings.home / "warehouse.duckdb").unlink(missing_ok=True)
        shown.hardlink_to(dated)

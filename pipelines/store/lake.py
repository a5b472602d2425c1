"""The lake: immutable Parquet files, and one manifest a night that names them.

Only this module knows where in the lake a file lies. A task writes new files and an entry in the night's draft;
`Night.commit` turns the draft into the manifest with one rename, which is the night's only commit. No file is ever
overwritten. A file is removed when no manifest, no published warehouse and no open draft names it.
"""

import hashlib
import json
import re
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines.errors import LoyaltyError, NightOpenError
from pipelines.store.backtests import Backtests
from pipelines.store.deliveries import Deliveries
from pipelines.store.files import names_in, stamp_of, sync, write_atomically
from pipelines.store.heads import Head, head_of, keep_heads, read_heads, stale
from pipelines.store.home import lake_folder, remove_leftovers, warehouse_path
from pipelines.store.manifest import DataFile, Manifest, TableState, read_manifest, with_own
from pipelines.store.stopped import StoppedStep, StoppedSteps

# Stands for a backtest in the names of its temporary folders.
BACKTEST = "backtest"

# What to do about a night that a single step can't mend.
WHOLE_NIGHT_AGAIN = "Run the whole night again: in Airflow, clear its run from open_night on, with all that follows."

_MANIFEST = re.compile(r"\d{4}-\d\d-\d\d\.json")
# The file in a draft that says that nothing more will be done.
_FINISHED = "finished"
# The files in a draft that have what people edit as it was when the night was opened.
_CAMPAIGN_FILE = "campaigns.yaml"
_TARGET_FILE = "targets.yaml"


class Lake:
    """The lake of one home."""

    elsewhere: tuple[Path, ...] = ()  # folders outside the home that it writes to

    def __init__(self, home: Path) -> None:
        self.home = home
        self.root = lake_folder(home)
        self._manifests = self.root / "manifests"
        self._heads = self.root / "heads.json"
        self._drafts = self.root / "drafts"
        self._published = self.root / "published"
        self.stopped = StoppedSteps(self.root / "stopped")
        self.backtests = Backtests(self.root / "backtests")
        self.deliveries = Deliveries(self.root / "deliveries")
        self.mapping_salt = self.root / "mapping_salt"
        self.mappings = self.root / "mappings"
        self.blanked_rows = self.root / "blanked_rows.json"
        self._tables = self.root / "tables"
        self._temporary = self.root / "tmp"

    def path(self, relative: str) -> Path:
        """Where a data file lies, from the path that a manifest has of it."""
        return self.root / relative

    def relative(self, path: Path) -> str:
        """The path that a manifest has of a data file."""
        return str(path.relative_to(self.root))

    @property
    def erasures(self) -> Path:
        """The folder of what was erased: records, and hashes of who is to stay out."""
        return self.root / "erasures"

    def table_files(self) -> list[Path]:
        """Every data file of the lake; its folder has the table's name."""
        return sorted(self._tables.glob("*/*.parquet"))

    def successor(self, path: Path, unique: str) -> Path:
        """A path for what replaces a data file: of the same table, night and run."""
        night, run, *_ = path.name.split(".")
        return path.with_name(f"{night}.{run}.{unique}.parquet")

    def nights(self) -> list[date]:
        """Committed nights, oldest first."""
        return sorted(date.fromisoformat(name[:10]) for name in names_in(self._manifests) if _MANIFEST.fullmatch(name))

    def manifest(self, night: date) -> Manifest:
        path = self._manifests / f"{night}.json"
        return read_manifest(path, stamp_of(path))

    def replace_manifest(self, manifest: Manifest) -> None:
        """Put a manifest in the place of the night's last one."""
        self._manifests.mkdir(exist_ok=True, mode=0o700)
        path = self._manifests / f"{manifest.run_date}.json"
        write_atomically(path, manifest.model_dump_json(exclude_defaults=True).encode())

    def heads(self, until: date = date.max) -> list[Head]:
        """The heads of the committed nights up to one, oldest first."""
        heads = self._known_heads(read_heads(self._heads))
        return [head for night, head in heads.items() if night <= until]

    def _known_heads(self, kept: Mapping[date, Head]) -> dict[date, Head]:
        """The heads of all committed nights, oldest first: as kept or, where a manifest is another one, made anew."""
        heads = {}
        for night in self.nights():
            stamp = stamp_of(self._manifests / f"{night}.json")
            known = kept.get(night)
            heads[night] = known if known and known.stamp == stamp else head_of(self.manifest(night), stamp)
        return heads

    def remove_nights(self, before: date) -> list[date]:
        """Forget the nights before one that is kept; `collect_garbage` then removes what only they named."""
        gone = [night for night in self.nights() if night < before]
        for night in gone:
            (self._manifests / f"{night}.json").unlink()
        return gone

    def open_backtest(self, night: date) -> "CommittedNight":
        """A committed night, for a backtest to work on. Temporary folders of a killed backtest are removed."""
        for folder in self._temporary.glob(f"{BACKTEST}.*"):
            shutil.rmtree(folder, ignore_errors=True)
        return CommittedNight(self, night, BACKTEST)

    def open_nights(self) -> list[str]:
        """Nights that were begun and are not finished: running, or broken off."""
        return sorted(folder.name for folder in self._drafts.glob("*") if not (folder / _FINISHED).exists())

    def open_runs(self) -> list[str]:
        """The runs that began these nights."""
        owners = (self._drafts / night / "run.json" for night in self.open_nights())
        return [json.loads(path.read_bytes())["run_id"] for path in owners if path.exists()]

    def discard_open_nights(self) -> None:
        """Make every unfinished night one that was never begun: a run of it can no longer commit."""
        shutil.rmtree(self._drafts, ignore_errors=True)

    def remove_leftovers(self) -> None:
        """Remove what a killed run left unfinished in the home. Only while nobody else works there."""
        remove_leftovers(self.home)
        for note in self._published.glob("*.json"):  # of a warehouse that was never finished
            if not warehouse_path(self.home, date.fromisoformat(note.name.split(".")[0])).exists():
                note.unlink()

    def latest_before(self, night: date) -> Manifest | None:
        """The last night committed before `night`."""
        earlier = [known for known in self.nights() if known < night]
        return self.manifest(earlier[-1]) if earlier else None

    def stale_nights(self) -> list[date]:
        """Committed nights that rest on an outdated version of an earlier night, oldest first."""
        return stale(self.heads())

    def open_night(
        self,
        night: date,
        run_id: str,
        accepted: tuple[str, ...] = (),
        campaign_file: bytes | None = None,
        *,
        target_file: bytes | None = None,
        delivers: bool = True,
    ) -> "Night":
        """Begin `night` anew for one run; every other unfinished night can no longer commit.

        So no night builds on another that changes meanwhile, and a night that was broken off blocks nobody.

        Args:
            night: The business date.
            run_id: The run that the night is to be open for.
            accepted: Expectations, as source.name, that a person lets pass in this run.
            campaign_file: The campaign file as it is now: an edit while the night runs is for the next one.
            target_file: The file of plans and growth targets, likewise.
            delivers: Whether its lists may leave.

        Raises:
            LoyaltyError: the night before it is no longer kept.
        """
        self._check_is_kept(night)
        self._keep_what_was_rejected()
        self.discard_open_nights()
        self.remove_leftovers()
        folder = self._drafts / f"{night}"
        folder.mkdir(parents=True, mode=0o700)
        self.stopped.forget(night)
        outdated = stale(self.collect_garbage())
        for name, content in ((_CAMPAIGN_FILE, campaign_file), (_TARGET_FILE, target_file)):
            if content is not None:
                write_atomically(folder / name, content)
        return self._begin(night, run_id, outdated, accepted=accepted, delivers=delivers)

    def _keep_what_was_rejected(self) -> None:
        """Keep, for nights that were stopped, also the rows that other steps rejected after that."""
        for step in self.stopped.steps():
            if later := self.rejected_in_draft(step.run_date):
                self.stopped.replace(step.model_copy(update={"tables": step.tables | later}))

    def rejected_in_draft(self, night: date) -> dict[str, TableState]:
        """The rejected rows of a night that was begun and not finished, by table; nothing if there is no such night."""
        paths = sorted(self._drafts.glob(f"{night}/*/rejected_*.json"))
        states = {path.stem: TableState.model_validate_json(path.read_bytes()) for path in paths}
        return {name: state for name, state in states.items() if state.rows}

    def _begin(self, night: date, run_id: str, outdated: Iterable[date], **said: Any) -> "Night":
        """Make a draft that builds on the last night before it that is not outdated."""
        token, known = run_token(run_id), set(self.nights()) - set(outdated)
        folder = self._drafts / f"{night}"
        (folder / token).mkdir(parents=True, mode=0o700)
        base = max((f"{other}" for other in known if other < night), default=None)
        owner = {"run_id": run_id, "token": token, "base": base, **said}
        write_atomically(folder / "run.json", json.dumps(owner).encode())
        return Night(self, night, token)

    def _check_is_kept(self, night: date) -> None:
        kept = self.nights()
        if not kept or night > kept[0]:
            return
        tables = self.manifest(kept[0]).tables.values()
        if any(file.night < kept[0] for table in tables for file in table.data_files):
            raise LoyaltyError(
                f"night {night} can't be run again: the nights before {kept[0]}, on which it would build, are "
                "no longer kept (LOYALTY_KEEP_NIGHTS_DAYS). Deliver its extracts in the folder of a later night."
            )

    def night(self, night: date, run_id: str, *, may_be_finished: bool = False) -> "Night":
        """The open draft of `night`, for a task of run `run_id`; only the step that finishes it may come again.

        Raises:
            NightOpenError: the night was not opened by this run, it is finished, or another run has begun one since.
        """
        owners = {path.parent.name: json.loads(path.read_bytes()) for path in self._drafts.glob("*/run.json")}
        token = run_token(run_id)
        found = Night(self, night, token)
        if owners.get(f"{night}", {}).get("token") != token:
            since = [f"run {owner['run_id']} has begun night {other}" for other, owner in owners.items()]
            why = ", ".join(since) or "it was never opened or is long finished"
        elif found.is_finished and not may_be_finished:
            why = "it is finished"
        else:
            return found
        raise NightOpenError(f"night {night} is not open for run {run_id}: {why}. {WHOLE_NIGHT_AGAIN}")

    def keep_published(self, night: date, files: Iterable[str]) -> Path:
        """Keep the files that a night's warehouse reads, for as long as that exists; returns the note that says so."""
        self._published.mkdir(exist_ok=True, mode=0o700)
        path = self._published / f"{night}.{uuid.uuid4().hex[:8]}.json"
        write_atomically(path, json.dumps(sorted(files)).encode())
        return path

    def forget_published(self, night: date, but: Path | None = None) -> None:
        """Forget the notes of a night's warehouse: it was removed, or replaced by the one that the note `but` is of."""
        for path in self._published.glob(f"{night}.*.json"):
            if path != but:
                path.unlink()

    def collect_garbage(self) -> list[Head]:
        """Remove the drafts of finished nights, and files that no manifest, warehouse or open draft needs.

        Returns:
            The heads of the committed nights, oldest first, which are kept now.
        """
        for folder in self._drafts.glob("*"):
            if (folder / _FINISHED).exists():
                shutil.rmtree(folder)
        open_tokens = {folder.name for folder in self._drafts.glob("*/*") if folder.is_dir()}
        files = {
            f"tables/{folder.name}/{name}"
            for folder in self._tables.glob("*/")
            for name in names_in(folder)
            if name.endswith(".parquet") and name.split(".")[1] not in open_tokens
        }
        kept = read_heads(self._heads)
        heads = self._known_heads(kept)
        for path in self._unnamed(files, heads):
            self.path(path).unlink()
        if any(heads.get(night) is not kept.get(night) for night in {*heads, *kept}):
            keep_heads(self._heads, heads)
        for folder in self._temporary.glob("*"):
            if folder.name.split(".")[0] not in open_tokens:
                shutil.rmtree(folder, ignore_errors=True)
        return list(heads.values())

    def _unnamed(self, files: set[str], heads: dict[date, Head]) -> set[str]:
        """Those of some data files that no manifest, no warehouse and no stopped step names.

        Most are named by the night that wrote them. Only the others are looked for in every manifest, and once: its
        head then says that they are named there.
        """
        named = frozenset[str]().union(*(head.named for head in heads.values()))
        left = {path for path in files if path.rpartition("/")[2] not in named}
        for note in self._published.glob("*.json"):
            left -= set(json.loads(note.read_bytes()))
        for step in self.stopped.steps():
            left.difference_update(path for state in step.tables.values() for path in state.paths())
        for night, head in heads.items():
            if not left:
                break
            paths = (path for state in self.manifest(night).tables.values() for path in state.paths())
            if found := left.intersection(paths):
                names = {path.rpartition("/")[2] for path in found}
                heads[night] = head.model_copy(update={"named": head.named | names})
                left -= found
        return left


def run_token(run_id: str) -> str:
    """Eight characters that stand for a run in file names."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:8]


@dataclass(frozen=True)
class Night:
    """The draft of one night, while one run works on it."""

    lake: Lake
    run_date: date
    token: str

    @property
    def _folder(self) -> Path:
        return self.lake._drafts / f"{self.run_date}" / self.token

    @property
    def is_finished(self) -> bool:
        return (self._folder.parent / _FINISHED).exists()

    @cached_property
    def accepted(self) -> tuple[str, ...]:
        """The expectations, as source.name, that a person lets pass tonight."""
        return tuple(json.loads((self._folder.parent / "run.json").read_bytes()).get("accepted", ()))

    @cached_property
    def delivers(self) -> bool:
        """Whether tonight's lists may leave."""
        return bool(json.loads((self._folder.parent / "run.json").read_bytes()).get("delivers", True))

    @property
    def campaign_file(self) -> bytes | None:
        """The campaign file as it was when the night was opened; None if there was none."""
        return self._kept(_CAMPAIGN_FILE)

    @property
    def target_file(self) -> bytes | None:
        """The file of plans and growth targets as it was when the night was opened; None if there was none."""
        return self._kept(_TARGET_FILE)

    def _kept(self, name: str) -> bytes | None:
        path = self._folder.parent / name
        return path.read_bytes() if path.exists() else None

    @cached_property
    def previous(self) -> Manifest | None:
        return self.lake.latest_before(self.run_date)

    def new_file(self, table: str) -> Path:
        """A path that no file has yet, for a task to write `table` to."""
        folder = self.lake._tables / table
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder / f"{self.run_date}.{self.token}.{uuid.uuid4().hex[:8]}.parquet"

    def temporary_folder(self) -> Path:
        """A folder for what only this task needs (spill, cleaned input); the task removes it."""
        folder = self.lake._temporary / f"{self.token}.{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True, mode=0o700)
        return folder

    def data_file(self, path: Path, rows: int) -> DataFile:
        """What the manifest is to say of a file that tonight wrote; makes the file durable."""
        sync(path)
        return DataFile(path=self.lake.relative(path), night=self.run_date, rows=rows)

    def add(self, table: str, state: TableState) -> None:
        """Record `table` of tonight in the draft."""
        write_atomically(self._folder / f"{table}.json", state.model_dump_json().encode())

    def table(self, table: str) -> TableState:
        """Tonight's `table`.

        Raises:
            LoyaltyError: it has not been made yet.
        """
        try:
            return TableState.model_validate_json((self._folder / f"{table}.json").read_bytes())
        except FileNotFoundError as error:
            raise LoyaltyError(f"{table} of night {self.run_date} is not made yet: run the tasks before it") from error

    def tables(self) -> dict[str, TableState]:
        return {path.stem: self.table(path.stem) for path in sorted(self._folder.glob("*.json"))}

    def earlier(self, source: str) -> tuple[TableState, bool]:
        """A source as of the night before, by what each night up to it staged.

        Returns:
            Its state, and whether that is the last manifest's. If not, since an earlier night came late or was run
            again, the state lacks the superseded rows: they are to be found anew.
        """
        base = json.loads((self._folder.parent / "run.json").read_bytes())["base"]
        nights = [night for night in self.lake.nights() if base and base <= f"{night}" < f"{self.run_date}"]
        state = TableState()
        for position, manifest in enumerate(map(self.lake.manifest, nights)):
            new, lineage = manifest.table(source), manifest.lineage(source)
            if position == 0:
                state = new.model_copy(update={"lineage": lineage})
            else:
                state = with_own(state, new, lineage, manifest.run_date)
        return state, len(nights) < 2

    def stop(self, step: str, reason: str) -> None:
        """Keep why a step stopped the night, with the rows rejected until then, which go with the draft otherwise."""
        rejected = {name: state for name, state in self.tables().items() if name.startswith("rejected_")}
        rejected = {name: state for name, state in rejected.items() if state.rows}
        self.lake.stopped.replace(StoppedStep(run_date=self.run_date, step=step, reason=reason, tables=rejected))

    def commit(self, code_version: str, settings: dict[str, Any], tables: Iterable[str]) -> Manifest:
        """Write the manifest: from here on the night is known.

        Raises:
            LoyaltyError: a table is missing from the draft.
        """
        manifest = Manifest(
            run_date=self.run_date,
            code_version=code_version,
            settings=settings,
            tables={name: self.table(name) for name in tables},
            accepted=self.accepted,
        )
        self.lake.replace_manifest(manifest)
        self.lake.stopped.forget(self.run_date)
        return manifest

    def finish(self) -> None:
        """Say that nothing more will be done tonight; the draft is removed when the next night opens."""
        (self._folder.parent / _FINISHED).touch()


class CommittedNight(Night):
    """A night as it was committed, for code that reads the tables of an open one."""

    @cached_property
    def _manifest(self) -> Manifest:
        return self.lake.manifest(self.run_date)

    @cached_property
    def accepted(self) -> tuple[str, ...]:
        return self._manifest.accepted

    def table(self, table: str) -> TableState:
        """The night's `table`; empty if the night was made before there was one."""
        return self._manifest.tables.get(table, TableState())

    def tables(self) -> dict[str, TableState]:
        return self._manifest.tables

"""Erasure: take a person out of a home, tell the tools that have them, and prove that nothing is left.

A home's files never change, so what names the person is written anew beside and takes the old file's place: extracts
under their own name, files of the lake under a new one, which the manifests then name. Each step can be done again: an
erasure that was broken off is finished by the same command.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb

from pipelines.campaigns.channels import ADDRESSES, CHANNELS
from pipelines.campaigns.config import read_campaigns
from pipelines.campaigns.files import write_removals
from pipelines.campaigns.targets import export_target
from pipelines.contracts import Contract, sources
from pipelines.engines.sql import identifier
from pipelines.errors import LoyaltyError
from pipelines.intake.erased import NO_VALUES, add_erased, in_list, person_columns, read_erased, redaction_sql
from pipelines.intake.landing import SUFFIXES
from pipelines.privacy.person import Person, accounts, describe, exact_id, lake_files, rows_of
from pipelines.privacy.redact import (
    Rewritten,
    hash_of,
    persons_rows,
    redact_export,
    redact_extract,
    redact_parquet,
    rows_to_redact,
)
from pipelines.privacy.verify import Find, search
from pipelines.publishing.warehouse import rebuild_warehouses
from pipelines.settings import Settings
from pipelines.store.files import write_atomically
from pipelines.store.home import exports_folder, night_folders, removals_folder
from pipelines.store.lake import Lake
from pipelines.store.locks import exclusive_home_lock
from pipelines.store.manifest import DataFile, TableState
from pipelines.tables.inputs import contract_of


@dataclass
class Erasure:
    """One person's erasure, as it is kept while it is not finished: rows to change by file, and extracts rewritten."""

    request: str
    person: Person
    shared: int = 0
    changes: dict[str, int] = field(default_factory=dict)
    landing: dict[str, Rewritten] = field(default_factory=dict)

    def to_json(self) -> bytes:
        content = {"request": self.request, "person": self.person.to_json(), "shared": self.shared}
        content |= {"changes": self.changes, "landing": {name: asdict(new) for name, new in self.landing.items()}}
        return json.dumps(content).encode()

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "Erasure":
        landing = {name: Rewritten(**new) for name, new in content["landing"].items()}
        return cls(**{**content, "person": Person.from_json(content["person"]), "landing": landing})


@dataclass(frozen=True)
class Outcome:
    """What an erasure changed or would change, by place, and what the search found afterwards."""

    ids: list[str]
    changes: dict[str, int]
    shared: int
    removals: Path | None = None
    files_searched: int = 0
    found: tuple[Find, ...] = ()


def erase(
    customer: str,
    settings: Settings,
    *,
    dry_run: bool = False,
    discard_open: bool = False,
    not_searched: tuple[Path, ...] = (),
) -> Outcome:
    """Erase the person that a customer is, with all their accounts.

    Args:
        customer: the source's customer_id.
        settings: of the home.
        dry_run: say what would change, and change nothing.
        discard_open: a night that was begun and not finished is one that broke off; it has to be run again.
        not_searched: folders that the proof leaves out.

    Raises:
        LoyaltyError: nobody has this id; a night is open; another run works in the home.
    """
    if not settings.home.is_dir():
        raise LoyaltyError(f"{settings.home}: no such home")
    with exclusive_home_lock(settings.home):
        lake = Lake(settings.home)
        if not dry_run:
            _close_nights(lake, discard_open)
        erasure = _begin(exact_id(customer), lake, settings)
        erasure.changes = erasure.changes or _count(erasure.person, lake, settings)
        if not erasure.changes:
            raise LoyaltyError(f"no customer {customer} in {settings.home}; nothing was changed")
        ids, changes = sorted(erasure.person.ids), erasure.changes
        if dry_run:
            return Outcome(ids, changes, erasure.shared)
        removals = _finish(erasure, lake, settings)
        left_out = (*not_searched, removals_folder(settings.home))  # removals hold addresses until imported
        files, found = search(settings, erasure.person, left_out)
        return Outcome(ids, changes, erasure.shared, removals, files, tuple(found))


def _close_nights(lake: Lake, discard_open: bool) -> None:
    nights = lake.open_nights()
    if nights and not discard_open:
        raise LoyaltyError(
            f"night {', '.join(nights)} was begun and is not finished. Wait until it ends; if it broke off, run it "
            "again first, or discard it (--discard-night) and run it after the erasure."
        )
    if nights:
        lake.discard_open_nights()
    lake.remove_leftovers()  # what comes back by this is looked at too
    lake.collect_garbage()


def _open_file(lake: Lake, erasure: Erasure) -> Path:
    return lake.erasures / f"{erasure.request}.open.json"


def _begin(customer: str, lake: Lake, settings: Settings) -> Erasure:
    """The erasure that was broken off, else a new one."""
    for path in sorted(lake.erasures.glob("*.open.json")):
        known = Erasure.from_json(json.loads(path.read_bytes()))
        if customer in known.person.ids:
            return known
    ids = accounts(customer, lake)
    delivered = [
        row
        for path, contract in _extracts(settings)
        if contract.personal_columns
        for row in persons_rows(path, contract, Person(ids))
    ]
    person, shared = describe(ids, lake, delivered, settings)
    nights = lake.nights()
    salt = read_erased(lake).salt
    token = sha256(f"{salt}:{nights}:{sorted(ids)}".encode()).hexdigest()[:8]
    return Erasure(f"{nights[-1] if nights else 'never'}.{token}", person, shared)


def _finish(erasure: Erasure, lake: Lake, settings: Settings) -> Path | None:
    """Do what is left to do; returns the folder of the removals, if there are any."""
    person = erasure.person
    lake.erasures.mkdir(parents=True, exist_ok=True, mode=0o700)
    state = _open_file(lake, erasure)
    write_atomically(state, erasure.to_json())
    add_erased(lake, person.ids, person.cards)
    removals = removals_folder(settings.home) / erasure.request
    if not removals.exists():
        _write_removals(person, lake, settings, removals)

    for path, contract in _extracts(settings):

        def keep(new: Rewritten, path: Path = path) -> None:
            erasure.landing[str(path.relative_to(settings.landing_dir))] = new
            write_atomically(state, erasure.to_json())

        redact_extract(path, contract, person, keep)
    _rewrite_lake(erasure, lake)
    for folder in _export_folders(settings):
        _redact_exports(folder, person, settings, write=True)
    rebuild_warehouses(lake, erasure.request.split(".")[1], settings)
    lake.collect_garbage()
    erased = read_erased(lake)
    record = {
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "customers": sorted(map(erased.hash, person.ids)),
        "changes": erasure.changes,
        "landing": {name: asdict(new) for name, new in sorted(erasure.landing.items())},
    }
    write_atomically(lake.erasures / f"{erasure.request}.json", json.dumps(record, indent=1).encode())
    state.unlink()
    return removals if removals.exists() else None


def summary(outcome: Outcome) -> Iterator[str]:
    """What an erasure says of itself, with nothing personal but the ids."""
    places: dict[str, list[int]] = {}
    for name, rows in outcome.changes.items():
        places.setdefault(name.split("/")[0], []).append(rows)
    yield f"Accounts of the person: {', '.join(outcome.ids)}"
    for place, counts in places.items():
        yield f"  {place}: {sum(counts):,} rows in {len(counts)} files"
    if outcome.shared:
        yield f"  {outcome.shared} of their addresses or names are another customer's too, and stay with them"
    if not outcome.files_searched:
        return
    if outcome.removals:
        yield f"Removals for the lists that they were on: {outcome.removals}"
        yield "  They hold the addresses until the tools have imported them: then remove the folder."
    for find in outcome.found:
        yield f"STILL THERE: {find.path}: {find.what}"
    if not outcome.found:
        yield f"{outcome.files_searched:,} files searched, nothing of the person found (the removals were left out)."


# --- what there is to do ---


def _extracts(settings: Settings) -> list[tuple[Path, Contract]]:
    """All extracts of all landing folders, loaded or not."""
    found = []
    for folder in sorted(path for path in settings.landing_dir.glob("*") if path.is_dir()):
        for name, contract in sources().items():
            whole = [folder / f"{name}{suffix}" for suffix in SUFFIXES]
            parts = [path for suffix in SUFFIXES for path in sorted((folder / name).glob(f"*{suffix}"))]
            found += [(path, contract) for path in (*whole, *parts) if path.is_file() and not path.name.startswith(".")]
    return found


def _count(person: Person, lake: Lake, settings: Settings) -> dict[str, int]:
    """Rows to be changed or to go, by file."""
    found = {
        f"landing/{path.relative_to(settings.landing_dir)}": redact_extract(path, contract, person, None)
        for path, contract in _extracts(settings)
    }
    for path in lake.table_files():
        goes, blank, _ = _what_goes(path, person)
        found[str(path.relative_to(settings.home))] = rows_to_redact(path, goes, blank)[0]
    for folder in _export_folders(settings):
        found |= _redact_exports(folder, person, settings, write=False)
    return {name: rows for name, rows in found.items() if rows}


# --- the lake ---


def _what_goes(path: Path, person: Person) -> tuple[str, dict[str, str], str]:
    """SQL of a lake file's rows that go, of values that go, and what stands in their place."""
    table = path.parent.name
    if table.startswith("rejected_") and table != "rejected_rows":
        rows = ", ".join(map(str, _rejected(path, table.removeprefix("rejected_"), person))) or "NULL"
        return "FALSE", {"row_values": f"COALESCE(file_row_number IN ({rows}), FALSE)"}, f"'{NO_VALUES}'"
    try:
        columns = person_columns(contract_of(table.removesuffix("_superseded")))
    except FileNotFoundError:  # of an earlier version, so that nobody reads it
        columns = {}
    table_rows = duckdb.sql(f"FROM {rows_of([str(path)])}")
    there = table_rows.columns
    columns |= {name: True for name in there if name.endswith("customer_id") and name not in columns}
    columns = {name: required for name, required in columns.items() if name in there}
    goes, blank = redaction_sql(columns, lambda column: person.names(column, identifier(column)))
    if table != "crm_customers_personal":  # what others' rows hold there is theirs
        for name, kind in zip(there, table_rows.types, strict=True):
            if str(kind) == "VARCHAR" and name not in columns:
                blank[name] = f"COALESCE({person.has_text(identifier(name))}, FALSE)"
    return goes, {identifier(column): sql for column, sql in blank.items()}, "NULL"


def _rejected(path: Path, source: str, person: Person) -> list[int]:
    """Numbers of a file's rejected rows whose values tell of the person."""
    contract = sources().get(source)
    ids = person.ids | person.cards if contract is None or person_columns(contract) else frozenset()
    rows = duckdb.sql(f"SELECT row_values FROM {rows_of([str(path)])}").fetchall()
    found = []
    for number, (text,) in enumerate(rows):
        values = list(map(str, json.loads(text)))
        if any(exact_id(value) in ids or person.pattern.search(value) for value in values):
            found.append(number)
    return found


def _rewrite_lake(erasure: Erasure, lake: Lake) -> None:
    """Write new files for those that name the person, and let the manifests name them.

    A file's new name depends on its old one and the request alone, so that manifests agree also after a break.
    """
    renamed: dict[str, tuple[str, int]] = {}
    for path in lake.table_files():
        goes, blank, instead = _what_goes(path, erasure.person)
        changed, left = rows_to_redact(path, goes, blank)
        if changed:
            unique = sha256(f"{erasure.request}:{path.name}".encode()).hexdigest()[:8]
            new = lake.successor(path, unique)
            writing = new.with_suffix(".writing")
            redact_parquet(path, writing, goes, blank, instead)
            writing.replace(new)
            renamed[lake.relative(path)] = (lake.relative(new), left)

    def moved(part: DataFile) -> DataFile:
        path, rows = renamed.get(part.path, (part.path, part.rows))
        return part.model_copy(update={"path": path, "rows": rows})

    for manifest in map(lake.manifest, lake.nights()):
        tables = {
            name: state.model_copy(
                update={
                    "data_files": tuple(map(moved, state.data_files)),
                    "superseded": tuple(map(moved, state.superseded)),
                    "info": _followed(state, f"{manifest.run_date}", erasure.landing),
                }
            )
            for name, state in manifest.tables.items()
        }
        if tables != manifest.tables:
            lake.replace_manifest(manifest.model_copy(update={"tables": tables}))


def _followed(state: TableState, night: str, landing: dict[str, Rewritten]) -> dict[str, Any]:
    """What a table's state tells of its extract's files, as they now are: the night need not read them again."""
    if "files" not in state.info:
        return state.info
    files = []
    for file in state.info["files"]:
        new = landing.get(f"{night}/{file['file']}")
        if new and new.old_sha256 == file["sha256"]:
            file = file | {"size": new.size, "sha256": new.sha256, "records": new.records}
        files.append(file)
    return state.info | {"files": files}


# --- campaign files ---


def _export_folders(settings: Settings) -> list[Path]:
    return night_folders(exports_folder(settings.home))


def _redact_exports(folder: Path, person: Person, settings: Settings, *, write: bool) -> dict[str, int]:
    """Take the person out of a night's campaign files; returns the records that went, by file.

    The manifests follow what is in the files, whoever changed them.
    """
    night = json.loads((folder / "manifest.json").read_bytes())
    headers = {campaign.id: campaign.channels for campaign in read_campaigns(settings.campaigns).campaigns}
    gone = {}
    for campaign in night["campaigns"]:
        for channel in campaign["channels"]:
            fields = [c.fields for c in headers.get(campaign["campaign_id"], []) if c.channel == channel["channel"]]
            named = {header for of in fields for header, source in of.items() if source == "customer_id"}
            for file in channel["files"]:
                path, target = folder / file["path"], export_target(file["target"])
                own = {column.header for column in target.columns if column.source == "customer_id"}
                content, records = redact_export(path, target.delimiter, own | named, person)
                if records:
                    gone[str(path.relative_to(settings.home))] = records
                if write:
                    if records:
                        write_atomically(path, content, settings.file_mode)
                    _follow(file, channel, path, len(content.splitlines()) - (target.format == "csv"))
        if write:
            _write_manifest(folder / campaign["campaign_id"] / "manifest.json", campaign, settings)
    if write:
        _write_manifest(folder / "manifest.json", night, settings)
    return gone


def _follow(file: dict[str, Any], channel: dict[str, Any], path: Path, rows: int) -> None:
    less = file["rows"] - rows
    file |= {"rows": rows, "bytes": path.stat().st_size, "sha256": hash_of(path)}
    for count in ("candidates", "listed") if file["kind"] == "list" else ("removed",):
        channel[count] -= less


def _write_manifest(path: Path, content: dict[str, Any], settings: Settings) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    if text.encode() != path.read_bytes():
        write_atomically(path, text.encode(), settings.file_mode)


def _write_removals(person: Person, lake: Lake, settings: Settings, folder: Path) -> None:
    """Tell every tool that ever had the person: by id, and by each address that no other member of the list has."""
    lists, known = lake_files(lake, "campaign_list"), lake_files(lake, "crm_customers_personal")
    if not lists:
        return
    theirs = f"customer_id IN {in_list(person.ids)}"
    with duckdb.connect() as con:
        for name in ("customer", "customer_360"):
            columns = ", ".join(f"{identifier(c.name)} {c.type}" for c in contract_of(name).columns)
            con.execute(f"CREATE TABLE {identifier(name)} ({columns})")
        member = "campaign_id, channel, target, customer_id"
        con.execute(f"CREATE TABLE place AS SELECT DISTINCT {member} FROM {rows_of(lists)}")
        used = ", ".join(f"{_used(name)} AS {name}" for name in ADDRESSES)
        con.execute(f"CREATE TABLE address AS SELECT DISTINCT customer_id, {used} FROM {rows_of(known)}")
        kept = ", ".join(f"{_removed(name, theirs)} AS {name}" for name in ADDRESSES)
        con.execute(
            f"""CREATE TABLE lists_removals AS
            SELECT DISTINCT p.campaign_id, p.channel, p.target, p.customer_id, {kept},
                CAST(NULL AS VARCHAR) AS first_name, CAST(NULL AS VARCHAR) AS last_name
            FROM place AS p LEFT JOIN address AS a ON a.customer_id = p.customer_id
            WHERE p.{theirs}"""
        )
        if con.execute("SELECT 1 FROM lists_removals LIMIT 1").fetchone():
            folder.parent.mkdir(parents=True, exist_ok=True, mode=settings.folder_mode)
            write_removals(con, read_campaigns(settings.campaigns), settings, folder)


def _used(name: str) -> str:
    """The column of crm_customers_personal that has an address as it is used."""
    return f"{name}_normal" if name in ("email", "phone") else name


def _removed(name: str, theirs: str) -> str:
    channels = in_list(channel for channel, addresses in CHANNELS.items() if name in addresses)
    return f"""CASE WHEN p.channel IN {channels} AND NOT EXISTS (
        SELECT 1 FROM address AS o INNER JOIN place AS l ON l.customer_id = o.customer_id
            AND l.campaign_id = p.campaign_id AND l.channel = p.channel AND l.target = p.target
        WHERE o.{name} = a.{name} AND NOT o.{theirs}
    ) THEN a.{name} END"""
